"""Texts and questions with their numbers and dates in one form, for comparing and finding words."""

import datetime
import re
from collections.abc import Iterator

from documents.dates import MONTH_NAMES, FoundDate
from rag.number_words import spelt
from rag.quantities import Quantity, find_values

_BY_COMMAS = re.compile(r"\d{1,3}(?:,\d{3})+")
# "1 000" may be a row of numbers too, and "1.000" a decimal number.
_BY_OTHER_MARKS = re.compile(r"\d{1,3}(?:['\u2019 \u00a0\u2009\u202f]\d{3}|\.\d{3})+")
_FIRST_WITH_SEPARATOR = 1_000


def normalized(text: str, *, asked: bool = False) -> str:
    """Return the text with its numbers in digits, and each date also as `20260301`.

    For comparing words alone: places in it are not places in the text.

    Args:
        asked: whether it is a question, which means the date and not its parts.
    """
    read = find_values(text)
    found: list[FoundDate | Quantity] = [*read.dates, *read.quantities]
    parts, end = [], 0
    for each in sorted(found, key=lambda value: value.start):
        parts += [text[end : each.start], _in_one_form(each, text, asked=asked)]
        end = each.end
    return "".join([*parts, text[end:]])


def _in_one_form(found: FoundDate | Quantity, text: str, *, asked: bool) -> str:
    written = text[found.start : found.end]
    if isinstance(found, FoundDate):
        days = " ".join(f"{day:%Y%m%d}" for day in found.days)
        return (days if asked else f"{written} {days}") if days else written
    number = _whole_number(found)
    if number is None or written.isdigit():
        return written
    if not written[0].isdigit() or written[-1].isalpha() or _BY_COMMAS.fullmatch(written):
        return str(number)
    if _BY_OTHER_MARKS.fullmatch(written):
        return str(number) if asked else f"{written} {number}"
    return written


def _whole_number(found: Quantity) -> int | None:
    """Return what a number says, the larger where it may be two; None where it is no number."""
    if found.is_place_or_time or found.is_word:
        return None
    return max((int(value) for value in found.values if value == int(value)), default=None)


def other_spellings(question: str) -> list[str]:
    """Return further ways to write the question's numbers and dates: words or short phrases."""
    found = find_values(question)
    spellings = [way for date in found.dates for day in date.days for way in _dates(day)]
    spellings += [way for quantity in found.quantities for way in _numbers(quantity)]
    return [way for way in dict.fromkeys(spellings) if way.lower() not in question.lower()]


def _numbers(found: Quantity) -> Iterator[str]:
    number = _whole_number(found)
    if number is None:
        return
    yield str(number)
    if number >= _FIRST_WITH_SEPARATOR:
        yield f"{number:,}"
    elif number > 1 and found.text[0].isdigit():
        yield "hundred" if number == 100 else spelt(number) or str(number)


def _dates(day: datetime.date) -> list[str]:
    month = MONTH_NAMES[day.month - 1]
    return [
        day.isoformat(),
        f"{day.day} {month} {day.year}",
        f"{month} {day.day} {day.year}",
        f"{day.day} {month[:3]} {day.year}",
        f"{month[:3]} {day.day} {day.year}",
        f"{day:%d.%m.%Y}",
    ]
