"""What passages claim on what was asked: sentences, with how much of the question each has."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rag.passage_sentences import candidate_sentences
from rag.retrieval import Passage
from rag.support.facts import Facts, facts_of
from rag.support.verdicts import Quote
from rag.words import stems

_MOST_PASSAGES = 10
_COVERS = 0.6  # of the question's weight, which each sentence has under its heading
_COVERS_LEAST = 0.4  # the same for near copies
_OWN = 0.3  # of it, which stands in the sentence itself
_FULL = 0.85  # of the question's weight in the sentence alone, from which it says it all


@dataclass(frozen=True)
class Claim:
    """A sentence of a passage that may answer the question.

    Attributes:
        covers: the stems of the question that it has, with its heading and title.
        is_relevant, is_near: whether those are most of the question, or much of it.
        is_taken: whether the answer took it.
        says_it_all: whether it has nearly all of them without those.
    """

    passage: Passage
    n: int
    start: int
    end: int
    text: str
    facts: Facts
    covers: frozenset[str]
    heading: str
    is_relevant: bool
    is_near: bool
    is_taken: bool
    says_it_all: bool

    @property
    def said(self) -> str:
        """Return it under its heading, as its meaning is compared."""
        return f"{self.heading}: {self.text}" if self.heading else self.text


def read_claims(
    question: str, passages: Sequence[Passage], taken: Sequence[Quote]
) -> tuple[dict[str, float], list[Claim]]:
    """Return the weight of each stem of the question, and what the passages claim.

    Args:
        taken: what the answer took of them.
    """
    asked = list(dict.fromkeys(stems(question)))
    candidates = candidate_sentences(passages[:_MOST_PASSAGES])
    if not candidates:
        return {}, []
    held = Counter(s for c in candidates for s in set(c.stems))
    # "How high is …": a word that no sentence has tells none from another.
    known = [s for s in asked if held[s]]
    is_told = len(known) > 1 and 2 * len(known) > len(asked)
    if not (is_told or taken):
        return {}, []
    asked = known
    bare = {s: math.log(1 + len(candidates) / (0.5 + held[s])) for s in asked}
    weights = {s: weight / sum(bare.values()) for s, weight in bare.items()}
    found = []
    for candidate in candidates:
        passage = passages[candidate.passage]
        around = stems(f"{passage.title} {passage.heading} {passage.filename} {candidate.heading}")
        if candidate.after_question:
            around += candidate.before
        own = set(candidate.stems) & weights.keys()
        covers = own | (set(around) & weights.keys())
        share = sum(weights[s] for s in covers)
        has_own = sum(weights[s] for s in own) >= _OWN
        start, end = passage.start + candidate.start, passage.start + candidate.end
        if candidate.asks:
            continue
        found.append(
            Claim(
                passage,
                candidate.passage + 1,
                start,
                end,
                candidate.text,
                facts_of(candidate.text),
                frozenset(covers),
                candidate.heading,
                is_told and has_own and share >= _COVERS,
                has_own and share >= _COVERS_LEAST,
                _is_taken(candidate.passage + 1, start, end, taken),
                sum(weights[s] for s in own) >= _FULL,
            )
        )
    return weights, found


def _is_taken(n: int, start: int, end: int, taken: Sequence[Quote]) -> bool:
    return any(quote.n == n and quote.start < end and start < quote.end for quote in taken)
