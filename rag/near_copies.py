"""Sentences that are the same but for one number, date or name: copies that were not kept alike."""

import re
from typing import Literal

from documents.dates import FoundDate
from rag.quantities import Quantity
from rag.support.facts import Facts, Name
from rag.words import stem

Wanted = frozenset[Literal["number", "year", "code", "name"]]

_SHARED = 3  # stems, without the names in which they differ
_ALIKE = 0.8  # Jaccard of these
_ALIKE_AND_SHORTER = 0.6  # the same, where the one has no word of its own
_WORDS_OF_A_NAME = 3
_CODE_DIGITS = 3

_ASKS_NAME = re.compile(r"\b(?:who|whom|whose|where|which|what)\b", re.I)
_ASKS_ELSE = re.compile(r"^\W*(?:who|whom|whose|where|why)\b", re.I)
_ASKS_TIME = re.compile(r"\b(?:when|what year|which year|what date|since|until|how long)\b", re.I)


def wanted_by(question: str) -> Wanted:
    """Return what kinds of fact a question may ask for.

    A number with as many digits as an extension is one even of "Whom do I call?".
    """
    wanted: set[Literal["number", "year", "code", "name"]] = {"code"}
    if not _ASKS_ELSE.match(question):
        wanted.add("number")
    if _ASKS_TIME.search(question):
        wanted.add("year")
    if _ASKS_NAME.search(question):
        wanted.add("name")
    return frozenset(wanted)


def are_near_copies(one: Facts, other: Facts) -> bool:
    """Tell whether two sentences have nearly the same words, apart from facts."""
    mine, theirs = _frame(one, other), _frame(other, one)
    shared = len(mine & theirs)
    alike = shared / (len(mine | theirs) or 1)
    has_own = mine <= theirs or theirs <= mine
    return shared >= _SHARED and alike >= (_ALIKE_AND_SHORTER if has_own else _ALIKE)


def differ_in_what_is_wanted(one: Facts, other: Facts, wanted: Wanted) -> bool:
    """Tell whether near copies differ in one fact, and in one that was asked for.

    Where two differ, they speak of two things: "In 2024 it was 39, in 2025 it was 42".
    """
    numbers = _numbers_apart(one, other)
    dates = [d for d in one.dates if not _has_date(other, d)]
    other_dates = [d for d in other.dates if not _has_date(one, d)]
    names, other_names = _names_apart(one, other), _names_apart(other, one)
    if names or other_names:
        are_one = 0 < len(names) <= _WORDS_OF_A_NAME and 0 < len(other_names) <= _WORDS_OF_A_NAME
        return are_one and not (numbers or dates or other_dates) and "name" in wanted
    if dates or other_dates:
        return not numbers and len(dates) == len(other_dates) == 1 and "number" in wanted
    return len(numbers) == 1 and bool(_kinds(*numbers[0]) & wanted)


def _frame(facts: Facts, other: Facts) -> frozenset[str]:
    return facts.stems - {stem(name.key) for name in _names_apart(facts, other)}


def _numbers_apart(one: Facts, other: Facts) -> list[tuple[Quantity, Quantity]]:
    """Return the numbers that stand in each other's place; too many where that can't be told."""
    mine = [q for q in one.quantities if not any(q.equals(o) for o in other.quantities)]
    theirs = [q for q in other.quantities if not any(q.equals(o) for o in one.quantities)]
    if len(mine) != len(theirs):
        return [(q, q) for q in (*mine, *theirs)] * 2
    return list(zip(mine, theirs, strict=True))


def _kinds(one: Quantity, other: Quantity) -> Wanted:
    if one.dimension != other.dimension or one.is_vague or other.is_vague:
        return frozenset()
    if not one.dimension and one.is_year and other.is_year:
        return frozenset(["year"])
    digits = min(sum(map(str.isdigit, q.text)) for q in (one, other))
    is_code = not one.dimension and digits >= _CODE_DIGITS
    return frozenset(["number", "code"] if is_code else ["number"])


def _has_date(facts: Facts, date: FoundDate) -> bool:
    return any(
        mine.agrees_with(theirs)
        for found in facts.dates
        for mine in date.readings
        for theirs in found.readings
    ) or any(_years_apart(date, found) for found in facts.dates)


def _years_apart(one: FoundDate, other: FoundDate) -> bool:
    """Tell whether two dates are of different years: the same thing happens every year."""
    years = [{reading.year for reading in date.readings} - {None} for date in (one, other)]
    return bool(years[0] and years[1]) and not years[0] & years[1]


def _names_apart(one: Facts, other: Facts) -> list[Name]:
    """Return the words of names that only the one has."""
    return [name for name in one.names if name.key not in other.tokens]
