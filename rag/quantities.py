"""Numbers and dates in text, whichever way they are written: the one reader of them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from documents.dates import FoundDate, find_dates
from rag.number_words import ORDINALS, SCALES, spelt_numbers
from rag.units import unit_at

_OTHERS = {"dozen": Decimal(12), "half": Decimal("0.5"), "twice": Decimal(2)}
_MORE_OFTEN_WORDS = frozenset({"one", "half", "twice", *ORDINALS})
_OTHER = re.compile(rf"\b(?:{'|'.join(_OTHERS)})\b", re.IGNORECASE)
_ORDINAL = re.compile(
    rf"\b(?:(?P<digits>\d+)(?:st|nd|rd|th)|(?P<word>{'|'.join(ORDINALS)}))\b", re.IGNORECASE
)
_CLOCK = re.compile(
    r"(?<![\d.,:])(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?\s?(?P<half>[ap])\.?m\b\.?"
    r"|(?<![\d.,:])(?P<hour24>\d{1,2}):(?P<minute24>\d{2})(?![\d:])",
    re.IGNORECASE,
)
_DIGITS = re.compile(
    r"(?<![\w.,'\u2019])(?<![A-Za-z]-)(?<![A-Za-z]/)"
    r"(?:\d{1,3}(?:[,'\u2019 \u00a0\u2009\u202f]\d{3})+(?:\.\d+)?(?![\d,])|\d+(?:[.,]\d+)*)"
)
_GROUPED = re.compile(r"[,'\u2019 \u00a0\u2009\u202f](?=\d{3}(?:\D|$))")
_MAGNITUDE = re.compile(
    rf"(?:\s?(?P<word>{'|'.join(SCALES)})|(?P<short>k|m|bn|b))\b(?!\.?\d)",
    re.IGNORECASE,
)
_SHORT = {"k": 1_000, "m": 1_000_000, "bn": 1_000_000_000, "b": 1_000_000_000}
_JOINED = re.compile(
    r"\s*(?:-|\u2013|\u2014|to|or|and|through|until)\s*[$\u20ac\u00a3]?\s*", re.IGNORECASE
)
_ORDINAL_UNIT, _CLOCK_UNIT = "ordinal", "clock"


@dataclass(frozen=True)
class Quantity:
    """A number where it stands.

    Attributes:
        start, end: characters into the text.
        values: what it may mean; 1.000 is one in English and a thousand in German.
        dimension: of its unit, "" without one.
        factor: how many of the dimension's smallest units its unit is.
        is_vague: whether it may be no number at all: "one" is a pronoun too.
    """

    start: int
    end: int
    text: str
    values: tuple[Decimal, ...]
    dimension: str = ""
    factor: Decimal = Decimal(1)
    is_vague: bool = False

    @property
    def is_year(self) -> bool:
        """Whether it may be a year: 1000 to 2999, without a unit."""
        text = self.text
        return not self.dimension and len(text) == 4 and text.isdigit() and text[0] in "12"

    @property
    def is_place_or_time(self) -> bool:
        """Whether it is no amount: the third of a row, or a time of the day."""
        return self.dimension in (_ORDINAL_UNIT, _CLOCK_UNIT)

    @property
    def is_word(self) -> bool:
        """Whether it is a word more often than a number: "one of them", "a third of it"."""
        return self.text.lower() in _MORE_OFTEN_WORDS

    @property
    def forms(self) -> frozenset[str]:
        """The number alone, as its digits; a time of the day with its minutes."""
        if self.dimension == _CLOCK_UNIT:
            return frozenset("{:02}:{:02}".format(*divmod(int(v), 60)) for v in self.values)
        return frozenset(f"{value.normalize():f}" for value in self.values)

    def equals(self, other: "Quantity") -> bool:
        """Tell whether both say the same, in whichever units; a bare number has any unit."""
        if self.dimension and other.dimension:
            return self.dimension == other.dimension and any(
                a * self.factor == b * other.factor for a in self.values for b in other.values
            )
        return self.has_value_of(other)

    def has_value_of(self, other: "Quantity") -> bool:
        """Tell whether the numbers alone are the same."""
        return any(a == b for a in self.values for b in other.values)


@dataclass(frozen=True)
class Values:
    """The numbers and dates of a text, each in the order of the text."""

    dates: tuple[FoundDate, ...]
    quantities: tuple[Quantity, ...]


def find_values(text: str) -> Values:
    """Return the numbers and dates of a text; the numbers of a date are none besides."""
    dates = tuple(find_dates(text))
    return Values(dates, tuple(find_quantities(without(text, dates))))


def values(text: str) -> frozenset[str]:
    """Return the numbers and dates in their one form: `14`, `1000`, `2.5`, `17:00`, `20260301`.

    What may mean two numbers or days has the forms of both; of a date, day and year count too.
    """
    return frozenset(form for forms in _forms(text) for form in forms)


def lacks_a_value(text: str, question: str) -> bool:
    """Tell whether a text lacks a number or date of a question, however either is written."""
    held = values(text)
    return any(not forms & held for forms in _forms(question, asked=True))


def _forms(text: str, *, asked: bool = False) -> Iterator[frozenset[str]]:
    """Yield the forms of each number and date; of an asked date the day alone where it has one."""
    found = find_values(text)
    for date in found.dates:
        if date.days:
            yield frozenset(f"{day:%Y%m%d}" for day in date.days)
        if not (asked and date.days):
            parts = {part for each in date.readings for part in (each.day, each.year)}
            yield from (frozenset([str(part)]) for part in parts - {None})
    yield from (q.forms for q in found.quantities if not q.is_word)


def without(text: str, found: Iterable[FoundDate | Quantity]) -> str:
    """Return the text with blanks where these stand."""
    for each in found:
        text = text[: each.start] + " " * (each.end - each.start) + text[each.end :]
    return text


def find_quantities(text: str) -> list[Quantity]:
    """Return the numbers, in order; those of dates too, where these are not left out."""
    rest = text
    found: list[Quantity] = []
    for kind in (_clocks, _ordinals, _digits, _words):
        new = list(kind(rest))
        found += new
        rest = without(rest, new)
    return _with_units_of_ranges(text, sorted(found, key=lambda quantity: quantity.start))


def _clocks(text: str) -> Iterator[Quantity]:
    for match in _CLOCK.finditer(text):
        hour = int(match["hour"] or match["hour24"])
        minute = int(match["minute"] or match["minute24"] or 0)
        if match["half"]:
            hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
        if hour <= 24 and minute < 60:
            value = (Decimal(60 * hour + minute),)
            yield Quantity(match.start(), match.end(), match[0], value, _CLOCK_UNIT)


def _ordinals(text: str) -> Iterator[Quantity]:
    for match in _ORDINAL.finditer(text):
        number = int(match["digits"]) if match["digits"] else ORDINALS[match["word"].lower()]
        # "A third of them" is no third place.
        is_vague = match["digits"] is None
        yield Quantity(
            match.start(), match.end(), match[0], (Decimal(number),), _ORDINAL_UNIT,
            is_vague=is_vague,
        )  # fmt: skip


def _digits(text: str) -> Iterator[Quantity]:
    for match in _DIGITS.finditer(text):
        end, times = match.end(), Decimal(1)
        if magnitude := _MAGNITUDE.match(text, end):
            # "5 m" are metres; "$5m" are millions.
            is_money = text[max(0, match.start() - 1) : match.start()] in {"$", "\u20ac", "\u00a3"}
            word, short = magnitude["word"], magnitude["short"]
            if word or is_money or (short or "").lower() in {"k", "bn"}:
                times = Decimal(SCALES[word.lower()] if word else _SHORT[short.lower()])
                end = magnitude.end()
        dimension, factor = unit_at(text, match.start(), end)
        if not dimension and end < len(text) and text[end].isalpha():
            continue  # a code, such as 3PL
        values = tuple(value * times for value in _values(match[0]))
        yield Quantity(
            match.start(), end, text[match.start() : end], values, dimension, factor
        )  # fmt: skip


def _values(written: str) -> tuple[Decimal, ...]:
    """Return what a row of digits with marks may mean."""
    plain = _GROUPED.sub("", written)
    if plain.count(",") == 1 and "." not in plain:
        return (Decimal(plain.replace(",", ".")),)
    plain = plain.replace(",", "")
    if plain.count(".") > 1:
        return (Decimal(plain.replace(".", "")),)
    value = Decimal(plain)
    whole, _, rest = plain.partition(".")
    if len(rest) == 3 and 1 <= len(whole) <= 3 and whole != "0":
        return value, Decimal(whole + rest)
    return (value,)


def _words(text: str) -> Iterator[Quantity]:
    found = [(n.start, n.end, Decimal(n.value), n.is_vague) for n in spelt_numbers(text)]
    found += [(*m.span(), _OTHERS[m[0].lower()], True) for m in _OTHER.finditer(text)]
    for start, end, value, is_vague in found:
        dimension, factor = unit_at(text, start, end)
        yield Quantity(
            start, end, text[start:end], (value,), dimension, factor, is_vague and not dimension
        )  # fmt: skip


def _with_units_of_ranges(text: str, found: list[Quantity]) -> list[Quantity]:
    """Give the first number of "20 to 30 days" the unit that stands behind the second."""
    for index in range(len(found) - 2, -1, -1):
        one, other = found[index], found[index + 1]
        if one.dimension or not other.dimension or other.is_place_or_time:
            continue
        if _JOINED.fullmatch(text, one.end, other.start):
            found[index] = replace(
                one, dimension=other.dimension, factor=other.factor, is_vague=False
            )
    return found
