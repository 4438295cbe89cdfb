"""Finds passages that contradict each other on what was asked, so that no one is picked silently.

Precision comes first: two sentences contradict each other only where both speak of all that the
question asks about, alike in their words or their meaning, and give another number or date for the
same thing, or one denies what the other says.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from knowledge.lib.errors import AppError
from rag.embedding.base import Embedder
from rag.passage_sentences import candidate_sentences
from rag.retrieval import Passage
from rag.support.facts import Facts, facts_of
from rag.support.polarity import contradicts
from rag.support.quantities import Quantity
from rag.words import stems

MOST_CONFLICTS = 2  # that an answer names
MOST_STATEMENTS = 4  # of one of them
_MOST_PASSAGES = 10
_MOST_PAIRS = 12  # whose meanings are compared
_COVERS = 0.6  # of the question's weight, which each sentence has under its heading
_MAY_LACK = 0.12  # of it, which only one of two sentences has
_OWN = 0.3  # of it, which stands in the sentence itself
_SHARED = 2  # stems that both sentences have
_FULL = 0.85  # of the question's weight in the sentence alone, from which it says it all
_ALIKE_WHEN_FULL = 0.25
_ALIKE = 0.45  # of the shorter one's stems are shared
_SAME_SENTENCE = 0.6  # Jaccard from which a "not" alone makes a contradiction
_NEAR_MEANING = 0.5
_MOST_NUMBERS = 3  # of a kind in the one sentence, where the other has one
_WINDOW = 6  # words on each side of a number that say what it is a number of

_AT_LEAST = re.compile(
    r"(?:at least|minimum(?: of)?|no(?:t)? less than|more than|over|above|exceed\w*|from)\s*$", re.I
)
_AT_MOST = re.compile(
    r"(?:at most|maximum(?: of)?|up to|no(?:t)? more than|less than|under|below|within|until)\s*$",
    re.I,
)
# The number that held before: "(10 before)", "instead of 20", "rises from 270 to 310".
_FORMER_BEFORE = re.compile(
    r"(?:instead of|previously|formerly|used to be|(?:rises?|rose|raised|increase[sd]?|falls?|fell|"
    r"reduced|lowered|drops?|changed|changes|moved)\s+(?:\w+\s+){0,6}?from)\s+[$\u20ac\u00a3]?$",
    re.I,
)
_FORMER_AFTER = re.compile(r"^[^.;)\d]{0,20}\bbefore\)", re.I)
# What comes to something else is no other figure for it.
_ADDS = re.compile(r"\b(?:on top of|in addition to|besides) (?!that|this|it)", re.I)
# Questions that no number answers.
_ASKS_ELSE = re.compile(r"^\s*(?:who|whom|whose|where|why)\b", re.I)


@dataclass(frozen=True)
class Statement:
    """What one passage says.

    Attributes:
        n: the passage's number, from 1.
        start, end: characters into the page's text.
    """

    n: int
    start: int
    end: int


@dataclass(frozen=True)
class Conflict:
    """Statements of different passages that can't all be in force, the newest document's first."""

    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class _Claim:
    """A sentence of a passage that may answer the question.

    Attributes:
        covers: the stems of the question that it has, with its heading and title.
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
    says_it_all: bool


def find_conflicts(
    question: str, passages: Sequence[Passage], embedder: Embedder | None = None
) -> tuple[Conflict, ...]:
    """Return what the passages contradict each other on, among what was asked.

    Args:
        passages: best first; [n] is passages[n - 1].
        embedder: confirms that two sentences speak of the same, in one small batch.
    """
    weights, claims = _claims(question, passages)
    asks_number = not _ASKS_ELSE.match(question)
    pairs = [
        (one, other)
        for one, other in combinations(claims, 2)
        if _are_apart(one.passage, other.passage)
        and sum(weights[s] for s in one.covers ^ other.covers) <= _MAY_LACK
        and _disagree(one, other, asks_number)
    ][:_MOST_PAIRS]
    if pairs and embedder is not None:
        pairs = _near(pairs, embedder)
    return tuple(_conflict(group) for group in _groups(pairs))[:MOST_CONFLICTS]


def _claims(question: str, passages: Sequence[Passage]) -> tuple[dict[str, float], list[_Claim]]:
    """Return the weight of each stem of the question, and the sentences that speak of it."""
    asked = list(dict.fromkeys(stems(question)))
    candidates = candidate_sentences(passages[:_MOST_PASSAGES])
    if len(asked) < 2 or not candidates:
        return {}, []
    held = Counter(s for c in candidates for s in set(c.stems))
    # "How high is …": a word that no sentence has tells none from another.
    known = [s for s in asked if held[s]]
    if len(known) < 2 or len(known) < len(asked) / 2:
        return {}, []
    asked = known
    bare = {s: math.log(1 + len(candidates) / (0.5 + held[s])) for s in asked}
    weights = {s: weight / sum(bare.values()) for s, weight in bare.items()}
    found = []
    for candidate in candidates:
        passage = passages[candidate.passage]
        around = stems(f"{passage.title} {passage.heading} {passage.filename} {candidate.heading}")
        own = set(candidate.stems) & weights.keys()
        covers = own | (set(around) & weights.keys())
        if candidate.asks or sum(weights[s] for s in covers) < _COVERS:
            continue
        if sum(weights[s] for s in own) < _OWN:
            continue
        found.append(
            _Claim(
                passage,
                candidate.passage + 1,
                passage.start + candidate.start,
                passage.start + candidate.end,
                candidate.text,
                facts_of(candidate.text),
                frozenset(covers),
                candidate.heading,
                sum(weights[s] for s in own) >= _FULL,
            )
        )
    return weights, found


def _are_apart(one: Passage, other: Passage) -> bool:
    """Tell whether two passages are of different documents, or sections of one."""
    if one.document_id != other.document_id:
        return one.content != other.content
    return one.heading != other.heading


def _disagree(one: _Claim, other: _Claim, asks_number: bool) -> bool:
    mine, theirs = one.facts, other.facts
    shared = mine.stems & theirs.stems
    smaller = min(len(mine.stems), len(theirs.stems)) or 1
    needed = _ALIKE_WHEN_FULL if one.says_it_all and other.says_it_all else _ALIKE
    if len(shared) < _SHARED or len(shared) / smaller < needed or _speak_of_others(one, other):
        return False
    alike = len(shared) / len(mine.stems | theirs.stems)
    same_document = one.passage.document_id == other.passage.document_id
    if same_document and alike < _SAME_SENTENCE:
        return False
    if alike >= _SAME_SENTENCE and contradicts(mine.polarity, theirs.polarity, in_bounds=False):
        return True
    if bool(_ADDS.search(one.text)) != bool(_ADDS.search(other.text)):
        return False
    return asks_number and (_other_numbers(mine, theirs) or _other_dates(mine, theirs))


def _speak_of_others(one: _Claim, other: _Claim) -> bool:
    """Tell whether each names somebody, some place or some time that the other doesn't."""
    mine = {name.key for name in one.facts.names} - other.facts.tokens
    theirs = {name.key for name in other.facts.names} - one.facts.tokens
    if mine and theirs:
        return True
    years, others = _years(one.facts), _years(other.facts)
    return bool(years and others and not years & others)


def _years(facts: Facts) -> set[int]:
    years = {reading.year for found in facts.dates for reading in found.readings if reading.year}
    return years | {int(value) for q in facts.quantities for value in q.values if _is_year(q)}


def _is_year(quantity: Quantity) -> bool:
    text = quantity.text
    return not quantity.dimension and len(text) == 4 and text.isdigit() and text[0] in "12"


def _other_numbers(mine: Facts, theirs: Facts) -> bool:
    """Tell whether both give one number of the same thing, and not the same one."""
    ours, others = list(_in_force(mine)), list(_in_force(theirs))
    for dimension in {q.dimension for q in ours} & {q.dimension for q in others}:
        one = [q for q in ours if q.dimension == dimension]
        other = [q for q in others if q.dimension == dimension]
        sizes = sorted((len(one), len(other)))
        if sizes[0] > 1 or sizes[1] > _MOST_NUMBERS:
            continue  # nobody can tell which of them is meant
        if any(a.equals(b) for a in one for b in other):
            continue
        if any(_of_one_thing(mine, a, theirs, b) for a in one for b in other):
            return True
    return False


def _of_one_thing(mine: Facts, one: Quantity, theirs: Facts, other: Quantity) -> bool:
    if _bound(mine, one) * _bound(theirs, other) < 0:
        return False  # "at least 5" and "at most 10" can both be so
    near = _near_stems(mine, one) & _near_stems(theirs, other)
    return len(near) > (0 if one.dimension else 1)


def _in_force(facts: Facts) -> Iterator[Quantity]:
    for quantity in facts.quantities:
        before, after = facts.text[: quantity.start], facts.text[quantity.end :]
        is_former = _FORMER_BEFORE.search(before) or _FORMER_AFTER.search(after)
        if not quantity.is_vague and not is_former and not _is_year(quantity):
            yield quantity


def _bound(facts: Facts, quantity: Quantity) -> int:
    before = facts.text[max(0, quantity.start - 24) : quantity.start].rstrip("$\u20ac\u00a3 ")
    return -1 if _AT_LEAST.search(before) else int(_AT_MOST.search(before) is not None)


def _near_stems(facts: Facts, quantity: Quantity) -> frozenset[str]:
    """Return what stands around a number, without its own unit."""
    before = facts.text[: quantity.start].split()[-_WINDOW:]
    after = facts.text[quantity.end :].split()[: _WINDOW + 1]
    unit = after[:1] if quantity.dimension else []
    return frozenset(stems(" ".join((*before, *after)))) - frozenset(stems(" ".join(unit)))


def _other_dates(mine: Facts, theirs: Facts) -> bool:
    if len(mine.dates) != 1 or len(theirs.dates) != 1:
        return False
    return not any(
        one.agrees_with(other)
        for one in mine.dates[0].readings
        for other in theirs.dates[0].readings
        if one.month and other.month
    )


def _near(
    pairs: Sequence[tuple[_Claim, _Claim]], embedder: Embedder
) -> list[tuple[_Claim, _Claim]]:
    """Keep the pairs whose sentences are near in meaning; none where the model has no time."""
    texts = list(dict.fromkeys(_said(claim) for pair in pairs for claim in pair))
    try:
        vectors = embedder.embed_passages(texts, for_question=True)
    except AppError:
        return []
    place = {text: index for index, text in enumerate(texts)}
    return [
        (one, other)
        for one, other in pairs
        if float(vectors[place[_said(one)]] @ vectors[place[_said(other)]]) >= _NEAR_MEANING
    ]


def _said(claim: _Claim) -> str:
    return f"{claim.heading}: {claim.text}" if claim.heading else claim.text


def _groups(pairs: Sequence[tuple[_Claim, _Claim]]) -> list[list[_Claim]]:
    """Put together what hangs together by its pairs, in the order of the passages."""
    groups: list[list[_Claim]] = []
    for pair in pairs:
        touched = [group for group in groups if any(claim in group for claim in pair)]
        joined = [claim for group in touched for claim in group]
        joined += [claim for claim in pair if claim not in joined]
        groups = [group for group in groups if group not in touched] + [joined]
    return groups


def _conflict(group: Sequence[_Claim]) -> Conflict:
    """Return what each document says, the newest first."""
    newest_first: Callable[[_Claim], tuple[date, int]] = lambda claim: (  # noqa: E731
        claim.passage.document_date or date.min,
        -claim.n,
    )
    chosen: list[_Claim] = []
    for claim in sorted(group, key=newest_first, reverse=True):
        said = {(c.passage.document_id, c.passage.heading) for c in chosen}
        if (claim.passage.document_id, claim.passage.heading) not in said:
            chosen.append(claim)
    return Conflict(tuple(Statement(c.n, c.start, c.end) for c in chosen[:MOST_STATEMENTS]))
