"""Checks each sentence of an answer against the passages that it names, and the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.citations import cited_numbers
from rag.embedding.base import Embedder
from rag.retrieval import Passage
from rag.support.evidence import Evidence, weigh
from rag.support.facts import Facts, facts_of
from rag.support.meaning import likeness
from rag.support.sentences import PassageFacts, answer_sentences, passage_facts, words_of
from rag.support.verdicts import CheckedSentence, Flag, Quote, Status

# Share of a claim's stems in its passages from which it is supported, and below which it is not.
# Between them words alone don't tell, and meanings are compared.
CLEAR = 0.75
UNCLEAR = 0.3
# A sentence that names no passage has to be nearly a copy of one.
CLEAR_UNCITED = 0.85
# Cosine from which an unclear claim is supported, and from which it is at least near.
SAME_MEANING = 0.8
NEAR_MEANING = 0.55
_FEWEST_STEMS = 2  # "Yes." and "It is as follows:" claim nothing that could be checked
_MOST_SENTENCES = 40  # of an answer; what follows is not checked and counts as weak


@dataclass(frozen=True)
class _Claim:
    """A sentence of the answer with what its own passages, and each one alone, say to it."""

    start: int
    end: int
    facts: Facts
    citations: tuple[int, ...]
    cited: Evidence
    alone: tuple[Evidence, ...]

    @property
    def clear_share(self) -> float:
        return CLEAR if self.citations else CLEAR_UNCITED

    @property
    def supporting(self) -> tuple[int, ...]:
        """Return the passages each of which says it clearly by itself."""
        return tuple(
            n
            for n, evidence in enumerate(self.alone, start=1)
            if evidence.share >= self.clear_share and not evidence.hard and not evidence.soft
        )


def check_answer(
    answer: str, passages: Sequence[Passage], embedder: Embedder | None = None
) -> tuple[CheckedSentence, ...]:
    """Return the sentences that claim something, each with its verdict.

    Args:
        answer: with checked citations; [n] is passages[n - 1].
        embedder: compares meanings where words don't tell, in one bounded batch; without one
            such sentences are weak.
    """
    held = passage_facts(passages)
    claims = [
        claim
        for start, end in answer_sentences(answer)[:_MOST_SENTENCES]
        if (claim := _claim(answer, start, end, held)) is not None
    ]
    unclear = [claim for claim in claims if _is_unclear(claim)]
    meanings: dict[int, float] = {}
    if unclear and embedder is not None:
        pairs = [
            (claim.facts.text, [sentence.facts.text for _, sentence in claim.cited.sentences])
            for claim in unclear
        ]
        meanings = {
            claim.start: likeness
            for claim, likeness in zip(unclear, likeness(pairs, embedder), strict=True)
            if likeness is not None
        }
    return tuple(_verdict(claim, held, meanings.get(claim.start)) for claim in claims)


def _claim(answer: str, start: int, end: int, held: Sequence[PassageFacts]) -> _Claim | None:
    sentence = answer[start:end]
    facts = facts_of(words_of(sentence))
    says_little = len(facts.stems) < _FEWEST_STEMS
    if says_little and not (facts.quantities or facts.dates or facts.names):
        return None
    citations = tuple(n for n in cited_numbers(sentence) if n <= len(held))
    alone = tuple(
        weigh(facts, [one], [other for other in held if other is not one]) for one in held
    )
    if not citations:
        cited = max(alone, key=_strength, default=Evidence(0.0, ()))
    elif len(citations) == 1:
        cited = alone[citations[0] - 1]
    else:
        together = [held[n - 1] for n in citations]
        cited = weigh(facts, together, [one for one in held if one not in together])
    return _Claim(start, end, facts, citations, cited, alone)


def _strength(evidence: Evidence) -> tuple[bool, float]:
    return not evidence.hard, evidence.share


def _is_unclear(claim: _Claim) -> bool:
    return (
        UNCLEAR <= claim.cited.share < claim.clear_share
        and not claim.cited.hard
        and not claim.supporting
    )


def _verdict(claim: _Claim, held: Sequence[PassageFacts], meaning: float | None) -> CheckedSentence:
    status, flags = _status(claim, meaning)
    supporting = claim.supporting
    if status == "supported":
        supporting = supporting or claim.citations
    elif supporting and claim.citations and not set(supporting) & set(claim.citations):
        status, flags = "weak", (_miscited(claim.citations, supporting),)
    elif supporting:
        status = "supported" if not flags else status
    else:
        supporting = ()
    quoted = dict.fromkeys((*claim.citations, *supporting))
    return CheckedSentence(
        claim.start,
        claim.end,
        status,
        claim.citations,
        supporting,
        flags,
        tuple(quote for n in quoted if (quote := _quote(n, claim.alone[n - 1], held))),
    )


def _status(claim: _Claim, meaning: float | None) -> tuple[Status, tuple[Flag, ...]]:
    evidence = claim.cited
    flags = (*evidence.hard, *evidence.soft)
    if evidence.hard or evidence.share < UNCLEAR:
        return "unsupported", flags or (_UNSAID,)
    if evidence.share >= claim.clear_share:
        return ("weak" if flags else "supported"), flags
    if meaning is None:
        return "weak", flags or (_PARTLY,)
    if meaning >= SAME_MEANING and claim.citations:
        return ("weak" if flags else "supported"), flags
    if meaning >= NEAR_MEANING:
        return "weak", flags or (_PARTLY,)
    return "unsupported", flags or (_UNSAID,)


_UNSAID = Flag("meaning", "", "No passage says this.")
_PARTLY = Flag("meaning", "", "The passages say this in part, or in other words.")


def _miscited(citations: Sequence[int], supporting: Sequence[int]) -> Flag:
    said = " and ".join(f"[{n}]" for n in supporting[:3])
    named = " and ".join(f"[{n}]" for n in citations[:3])
    verb = "says" if len(supporting[:3]) == 1 else "say"
    return Flag("citation", named, f"{said} {verb} this, not {named}.")


def _quote(n: int, evidence: Evidence, held: Sequence[PassageFacts]) -> Quote | None:
    """Return where a passage says it: its best sentence, in characters of the page."""
    if not evidence.sentences:
        return None
    _, sentence = evidence.sentences[0]
    start = held[n - 1].passage.start
    return Quote(n, start + sentence.start, start + sentence.end)
