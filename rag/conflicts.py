"""Finds passages that contradict each other on what was asked, so that no one is picked silently.

Precision comes first: two sentences contradict each other only where both speak of all that the
question asks about, alike in their words or their meaning, and give another number or date for the
same thing, or one denies what the other says. Sentences that are the same but for one number, date
or name (`rag/near_copies.py`) need to have less of the question.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from knowledge.lib.errors import AppError
from rag.claims import Claim, read_claims
from rag.embedding.base import Embedder
from rag.near_copies import Wanted, are_near_copies, differ_in_what_is_wanted, wanted_by
from rag.quantities import Quantity
from rag.retrieval import Passage
from rag.support.facts import Facts
from rag.support.polarity import contradicts
from rag.support.verdicts import Quote
from rag.units import UNITS
from rag.words import stems

MOST_CONFLICTS = 2  # that an answer names
MOST_STATEMENTS = 4  # of one of them
_MOST_PAIRS = 12  # whose meanings are compared
_MAY_LACK = 0.12  # of it, which only one of two sentences has
_SHARED = 2  # stems that both sentences have
_ALIKE_WHEN_FULL = 0.25
_ALIKE = 0.45  # of the shorter one's stems are shared
_PHRASE = 3  # stems that stand together in both
_LEADING = 8  # words before a number that may say what it is a number of
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
# Tells whether two numbers, each with the facts of its sentence, are of the same thing.
_OfOne = Callable[[Facts, Quantity, Facts, Quantity], bool]
# Questions that no number answers.
_ASKS_ELSE = re.compile(r"^\s*(?:who|whom|whose|where|why)\b", re.I)


@dataclass(frozen=True)
class Conflict:
    """Statements of different passages that can't all be in force, the newest document's first."""

    statements: tuple[Quote, ...]


def find_conflicts(
    question: str,
    passages: Sequence[Passage],
    embedder: Embedder | None = None,
    *,
    taken: Sequence[Quote] = (),
) -> tuple[Conflict, ...]:
    """Return what the passages contradict each other on, among what was asked.

    Args:
        passages: best first; [n] is passages[n - 1].
        taken: what the answer took of them, which is to the point however it is worded.
        embedder: confirms that two sentences speak of the same, in one small batch.
    """
    weights, claims = read_claims(question, passages, taken)
    asks_number, wanted = not _ASKS_ELSE.match(question), wanted_by(question)
    pairs = [
        (one, other)
        for one, other in combinations(claims, 2)
        if _are_apart(one.passage, other.passage)
        and (
            (
                sum(weights[s] for s in one.covers ^ other.covers) <= _MAY_LACK
                and (_disagree(one, other, asks_number) or _are_copies_apart(one, other, wanted))
            )
            or (asks_number and _give_other_numbers_for_one_name(one, other))
        )
    ][:_MOST_PAIRS]
    if pairs and embedder is not None:
        pairs = _near(pairs, embedder)
    return tuple(_conflict(group) for group in _groups(pairs))[:MOST_CONFLICTS]


def _are_apart(one: Passage, other: Passage) -> bool:
    """Tell whether two passages are of different documents, or sections of one."""
    if one.document_id != other.document_id:
        return one.content != other.content
    return one.heading != other.heading


def _are_copies_apart(one: Claim, other: Claim, wanted: Wanted) -> bool:
    """Tell whether both are one sentence with another fact, or with a "not", and to the point."""
    return (
        one.passage.document_id != other.passage.document_id
        and ((one.is_near and other.is_near) or one.is_taken or other.is_taken)
        and are_near_copies(one.facts, other.facts)
        and not _are_bounds(one.facts, other.facts)
        and (
            differ_in_what_is_wanted(one.facts, other.facts, wanted)
            or contradicts(one.facts.polarity, other.facts.polarity, in_bounds=False)
        )
    )


def _give_other_numbers_for_one_name(one: Claim, other: Claim) -> bool:
    """Tell whether the answer took one of two numbers for what both call by the same words."""
    return (
        one.passage.document_id != other.passage.document_id
        and (one.is_taken or other.is_taken)
        and not _speak_of_others(one, other)
        and bool(_ADDS.search(one.text)) == bool(_ADDS.search(other.text))
        and _other_numbers(one.facts, other.facts, of_one=_are_named_alike)
    )


def _are_named_alike(mine: Facts, one: Quantity, theirs: Facts, other: Quantity) -> bool:
    """Tell whether the same words, which are no unit of measure, lead to both numbers."""
    return bool(one.dimension) and bool(_names_of(mine, one) & _names_of(theirs, other))


def _names_of(facts: Facts, quantity: Quantity) -> set[tuple[str, ...]]:
    said = stems(" ".join(facts.text[: quantity.start].split()[-_LEADING:]))
    runs = {tuple(said[at : at + _PHRASE]) for at in range(len(said) - _PHRASE + 1)}
    return {run for run in runs if not any(word in UNITS or word.isdigit() for word in run)}


def _disagree(one: Claim, other: Claim, asks_number: bool) -> bool:
    if not (one.is_relevant and other.is_relevant):
        return False
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


def _speak_of_others(one: Claim, other: Claim) -> bool:
    """Tell whether each names somebody, some place or some time that the other doesn't."""
    mine = {name.key for name in one.facts.names} - other.facts.tokens
    theirs = {name.key for name in other.facts.names} - one.facts.tokens
    if mine and theirs:
        return True
    years, others = _years(one.facts), _years(other.facts)
    return bool(years and others and not years & others)


def _years(facts: Facts) -> set[int]:
    years = {reading.year for found in facts.dates for reading in found.readings if reading.year}
    return years | {int(value) for q in facts.quantities for value in q.values if q.is_year}


def _other_numbers(mine: Facts, theirs: Facts, of_one: _OfOne | None = None) -> bool:
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
        if any((of_one or _of_one_thing)(mine, a, theirs, b) for a in one for b in other):
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
        if not quantity.is_vague and not is_former and not quantity.is_year:
            yield quantity


def _are_bounds(mine: Facts, theirs: Facts) -> bool:
    """Tell whether one gives a least and the other a most, which can both be so."""
    ours = [_bound(mine, q) for q in mine.quantities]
    others = [_bound(theirs, q) for q in theirs.quantities]
    return any(a * b < 0 for a, b in zip(ours, others, strict=False))


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


def _near(pairs: Sequence[tuple[Claim, Claim]], embedder: Embedder) -> list[tuple[Claim, Claim]]:
    """Keep the pairs whose sentences are near in meaning; none where the model has no time."""
    texts = list(dict.fromkeys(claim.said for pair in pairs for claim in pair))
    try:
        vectors = embedder.embed_passages(texts, for_question=True)
    except AppError:
        return []
    place = {text: index for index, text in enumerate(texts)}
    return [
        (one, other)
        for one, other in pairs
        if float(vectors[place[one.said]] @ vectors[place[other.said]]) >= _NEAR_MEANING
    ]


def _groups(pairs: Sequence[tuple[Claim, Claim]]) -> list[list[Claim]]:
    """Put together what hangs together by its pairs, in the order of the passages."""
    groups: list[list[Claim]] = []
    for pair in pairs:
        touched = [group for group in groups if any(claim in group for claim in pair)]
        joined = [claim for group in touched for claim in group]
        joined += [claim for claim in pair if claim not in joined]
        groups = [group for group in groups if group not in touched] + [joined]
    return groups


def _conflict(group: Sequence[Claim]) -> Conflict:
    """Return what each document says, the newest first."""
    newest_first: Callable[[Claim], tuple[date, int]] = lambda claim: (  # noqa: E731
        claim.passage.document_date or date.min,
        -claim.n,
    )
    chosen: list[Claim] = []
    for claim in sorted(group, key=newest_first, reverse=True):
        said = {(c.passage.document_id, c.passage.heading) for c in chosen}
        if (claim.passage.document_id, claim.passage.heading) not in said:
            chosen.append(claim)
    return Conflict(tuple(Quote(c.n, c.start, c.end) for c in chosen[:MOST_STATEMENTS]))
