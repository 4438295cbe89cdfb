"""Numbers in text, whichever way they are written, with their units."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from rag.support.units import unit_at

_UNDER_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: number for number, word in enumerate(_UNDER_TWENTY.split())} | {
    word: 10 * number for number, word in enumerate(_TENS.split(), start=2)
}
_LARGE = {
    "hundred": 100,
    "thousand": 1_000,
    "million": 1_000_000,
    "billion": 1_000_000_000,
    "trillion": 1_000_000_000_000,
}
_OTHERS = {"dozen": Decimal(12), "half": Decimal("0.5"), "twice": Decimal(2)}
_FROM_THIRD = (
    "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_ORDINALS = {word: number for number, word in enumerate(_FROM_THIRD.split(), start=3)}
_WORD = "|".join([*_SMALL, *_LARGE])
_WORDS = re.compile(
    rf"\b(?:an?\s+(?=(?:{'|'.join(_LARGE)})\b))?(?:{_WORD})(?:(?:[\s-]+and[\s-]+|[\s-]+)(?:{_WORD}))*\b"
    rf"|\b(?:{'|'.join(_OTHERS)})\b",
    re.IGNORECASE,
)
_ORDINAL = re.compile(
    rf"\b(?:(?P<digits>\d+)(?:st|nd|rd|th)|(?P<word>{'|'.join(_ORDINALS)}))\b", re.IGNORECASE
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
    r"(?:\s?(?P<word>hundred|thousand|million|billion|trillion)|(?P<short>k|m|bn|b))\b(?!\.?\d)",
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


def find_quantities(text: str, *, taken: Iterable[tuple[int, int]] = ()) -> list[Quantity]:
    """Return the numbers, in order.

    Args:
        taken: spans that are something else already: dates.
    """
    rest = text
    for start, end in taken:
        rest = rest[:start] + " " * (end - start) + rest[end:]
    found: list[Quantity] = []
    for kind in (_clocks, _ordinals, _digits, _words):
        new = list(kind(rest))
        found += new
        for quantity in new:
            span = " " * (quantity.end - quantity.start)
            rest = rest[: quantity.start] + span + rest[quantity.end :]
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
        number = int(match["digits"]) if match["digits"] else _ORDINALS[match["word"].lower()]
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
                times = Decimal(_LARGE[word.lower()] if word else _SHORT[short.lower()])
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
    for match in _WORDS.finditer(text):
        parts = [
            part for part in re.split(r"[\s-]+", match[0].lower()) if part not in {"and", "a", "an"}
        ]
        value = _OTHERS[parts[0]] if parts[0] in _OTHERS else _spelt(parts)
        dimension, factor = unit_at(text, match.start(), match.end())
        is_vague = not dimension and len(parts) == 1 and parts[0] in {"one", *_OTHERS, *_LARGE}
        yield Quantity(
            match.start(), match.end(), match[0], (value,), dimension, factor, is_vague
        )  # fmt: skip


def _spelt(parts: Iterable[str]) -> Decimal:
    total = current = 0
    for part in parts:
        if part in _SMALL:
            current += _SMALL[part]
        elif part == "hundred":
            current = max(1, current) * 100
        else:
            total += max(1, current) * _LARGE[part]
            current = 0
    return Decimal(total + current)


def _with_units_of_ranges(text: str, found: list[Quantity]) -> list[Quantity]:
    """Give the first number of "20 to 30 days" the unit that stands behind the second."""
    for index in range(len(found) - 2, -1, -1):
        one, other = found[index], found[index + 1]
        if one.dimension or not other.dimension or other.dimension in (_CLOCK_UNIT, _ORDINAL_UNIT):
            continue
        if _JOINED.fullmatch(text, one.end, other.start):
            found[index] = Quantity(
                one.start, one.end, one.text, one.values, other.dimension, other.factor
            )
    return found
