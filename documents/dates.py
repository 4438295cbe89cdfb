"""Dates in text, in the forms that documents write them in, as far as each of them goes."""

import datetime
import re
from dataclasses import dataclass

MONTH_NAMES = tuple(
    """january february march april may june july august september october november
    december""".split()  # noqa: SIM905 - reads better than a column
)
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, start=1)}
MONTHS |= {name[:3]: number for name, number in MONTHS.items()} | {"sept": 9}
MONTH_PATTERN = "|".join(sorted(MONTHS, key=len, reverse=True))
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>[12]\d{3})"
_END = r"(?![\w-]|[.,/]\d)"
# The longer forms come first, so that each takes all that belongs to it.
_FORMS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<![\w.,/-]){_YEAR}(?P<mark>[-/])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}})"
        rf"(?:(?=T\d)|{_END})",
        rf"(?<![\w.,/-]){_YEAR}-(?P<month>\d{{2}}){_END}",
        rf"(?<![\w.,/-])(?P<first>\d{{1,2}})(?P<mark>\.\s?|/)(?P<second>\d{{1,2}})(?P=mark)"
        rf"(?P<year>[12]\d{{3}}|\d{{2}}){_END}",
        rf"(?<![\w.,/])(?<![A-Za-z]-)(?:the\s+)?{_DAY}(?:\s+of|\.)?\s+(?P<name>{MONTH_PATTERN})\b\.?"
        rf"(?:,?\s+{_YEAR}{_END})?",
        rf"\b(?P<name>{MONTH_PATTERN})\b\.?\s+(?:the\s+)?{_DAY}{_END}(?:,?\s+{_YEAR}{_END})?",
        rf"\b(?P<name>{MONTH_PATTERN})\b\.?,?\s+{_YEAR}{_END}",
    )
)
# "may" and "march" are words too: a month alone has its capital, and begins no sentence.
_MONTH_ALONE = re.compile(
    r"(?<=[a-z,;(\u2013-] )(?P<name>{})\b".format(
        "|".join(name.capitalize() for name in MONTHS if len(name) > 3 or name == "may")
    )
)


@dataclass(frozen=True)
class Date:
    """A date as far as it is told; what is not told is None."""

    year: int | None
    month: int | None
    day: int | None

    def as_day(self) -> datetime.date | None:
        """Return the day of the calendar, None where one of its parts is not told."""
        if self.year is None or self.month is None or self.day is None:
            return None
        try:
            return datetime.date(self.year, self.month, self.day)
        except ValueError:  # 31 June
            return None

    def is_part_of(self, other: "Date") -> bool:
        """Tell whether the other says all that this one says."""
        return all(
            mine is None or mine == theirs
            for mine, theirs in (
                (self.year, other.year),
                (self.month, other.month),
                (self.day, other.day),
            )
        )

    def agrees_with(self, other: "Date") -> bool:
        """Tell whether nothing that both say differs, and both say a month."""
        return all(
            mine is None or theirs is None or mine == theirs
            for mine, theirs in (
                (self.year, other.year),
                (self.month, other.month),
                (self.day, other.day),
            )
        )


@dataclass(frozen=True)
class FoundDate:
    """A date where it stands.

    Attributes:
        start, end: characters into the text.
        readings: what it may mean: 02/11/2026 is one day in Europe and another in America.
            With dots the day comes first.
    """

    start: int
    end: int
    text: str
    readings: tuple[Date, ...]

    @property
    def days(self) -> tuple[datetime.date, ...]:
        """The days of the calendar that it may mean; none where no day, month or year is told."""
        days = (reading.as_day() for reading in self.readings)
        return tuple(day for day in days if day is not None)


def find_dates(text: str) -> list[FoundDate]:
    """Return the dates, in order."""
    found: list[FoundDate] = []
    rest = text
    for form in (*_FORMS, _MONTH_ALONE):
        for match in form.finditer(rest):
            if readings := _readings(match):
                found.append(FoundDate(match.start(), match.end(), match[0].strip(" ."), readings))
        for date in found:
            rest = rest[: date.start] + " " * (date.end - date.start) + rest[date.end :]
    return sorted(found, key=lambda date: date.start)


def _readings(match: re.Match[str]) -> tuple[Date, ...]:
    """Return what a match may mean; nothing where it is no date of the calendar."""
    parts = match.groupdict()
    year = int(parts["year"]) if parts.get("year") else None
    if year is not None and year < 100:
        year += 2000 if year < 70 else 1900
    if parts.get("first"):
        one, two = int(parts["first"]), int(parts["second"])
        orders = dict.fromkeys(((two, one), (one, two)))
        if parts["mark"] != "/" and two <= 12:
            orders = {(two, one): None}
    else:
        named = parts.get("name")
        month = MONTHS[named.lower()] if named else int(parts["month"])
        orders = {(month, int(parts["day"]) if parts.get("day") else None): None}  # type: ignore[dict-item]
    return tuple(
        Date(year, month, day)
        for month, day in orders
        if 1 <= month <= 12 and (day is None or 1 <= day <= 31)
    )
