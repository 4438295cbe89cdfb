"""What of a text can be checked exactly: numbers, dates, names, codes, and what it denies."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from documents.dates import FoundDate
from rag.quantities import Quantity, find_values, without
from rag.support.polarity import Polarity, polarity_of
from rag.words import STOP_WORDS, stem, stems

# A capital inside a sentence; what begins one is no name by that.
_CAPITAL = re.compile(
    r"(?<![\w'\u2019@/.-])(?<![.!?:;|]\s)(?<![.!?]\s[\"\u201c(])(?<!\n)(?<!^)(?<!^[\"\u201c(*#-])"
    r"[A-Z][^\W\d_]+(?:['\u2019][A-Z][^\W\d_]+)?(?:-[^\W\d_]+)*(?!\w|-\d)",
)
_FIRST = re.compile(r"^[\"\u201c(*#\s-]*([A-Z][^\W\d_]+)(?=\s+[A-Z][^\W\d_]{2,})")
_CODE = re.compile(r"(?<![\w.])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*(?!\w)")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\bhttps?://[^\s)\]>]+|\bwww\.[^\s)\]>]+")
_WORD = re.compile(r"[^\W_]+")
# Written as signs as well: "50 %" and "50 per cent".
_UNIT_STEMS = frozenset(
    stem(word)
    for word in [
        "percent",
        "per",
        "cent",
        "euro",
        "euros",
        "eur",
        "dollar",
        "dollars",
        "usd",
        "gbp",
    ]
)
_NOT_NAMES = frozenset(["i", "yes", "no"])


@dataclass(frozen=True)
class Name:
    """A proper name, a code or an address; `key` is what it is compared by."""

    text: str
    key: str


@dataclass(frozen=True)
class Facts:
    """The facts of one text.

    Attributes:
        stems: of the words that carry meaning, numbers and dates left out.
        tokens: every word, in lower case, with neighbours joined where one has digits.
    """

    text: str
    stems: frozenset[str]
    quantities: tuple[Quantity, ...]
    dates: tuple[FoundDate, ...]
    names: tuple[Name, ...]
    tokens: frozenset[str]
    polarity: Polarity


@lru_cache(maxsize=2048)
def facts_of(text: str) -> Facts:
    """Read the facts of a text; remembered, since the same passages are asked again and again."""
    found = find_values(text)
    dates, quantities = found.dates, found.quantities
    return Facts(
        text,
        frozenset(stems(without(text, [*dates, *quantities]))) - _UNIT_STEMS,
        quantities,
        dates,
        tuple(_names(text, dates, quantities)),
        frozenset(_tokens(text)),
        polarity_of(text),
    )


def _names(text: str, dates: Sequence[FoundDate], quantities: Sequence[Quantity]) -> Iterable[Name]:
    taken = [(d.start, d.end) for d in dates] + [(q.start, q.end) for q in quantities]
    addresses = list(_ADDRESS.finditer(text))
    for match in addresses:
        yield Name(match[0].rstrip(".,;"), match[0].lower().rstrip(".,;/"))
    taken += [match.span() for match in addresses]
    found = [*_FIRST.finditer(text), *_CAPITAL.finditer(text), *_CODE.finditer(text)]
    for match in found:
        first, last = match.span(1) if match.re is _FIRST else match.span()
        word = text[first:last]
        lowered = word.lower()
        if any(start < last and first < end for start, end in taken):
            continue
        if lowered in STOP_WORDS or lowered in _NOT_NAMES:
            continue
        yield Name(word, _key(word))


def _key(word: str) -> str:
    return "".join(_WORD.findall(word.lower().removesuffix("'s").removesuffix("\u2019s")))


def _tokens(text: str) -> Iterable[str]:
    before = ""
    for match in _WORD.finditer(text.lower()):
        word = match[0]
        yield word
        if before and (
            word[0].isdigit() or before[-1].isdigit() or text[match.start() - 1] in "-'\u2019"
        ):
            yield before + word
        before = word
    for match in re.finditer(r"[^\W_]+(?:-[^\W_]+)+", text.lower()):
        yield "".join(match[0].split("-"))
    for match in _ADDRESS.finditer(text.lower()):
        yield match[0].rstrip(".,;/")


def holds_name(facts: Iterable[Facts], name: Name) -> bool:
    """Tell whether a name stands in one of the texts, in whichever form of the word."""
    own = stem(name.key)
    return any(
        name.key in held.tokens or (name.key.isalpha() and own in held.stems) for held in facts
    )


def holds_date(facts: Iterable[Facts], date: FoundDate) -> bool:
    """Tell whether one of the texts gives a date, in whichever form, or its parts apart."""
    facts = list(facts)
    for wanted in date.readings:
        for held in facts:
            years = {int(v) for q in held.quantities for v in q.values if v == int(v)}
            for found in (reading for other in held.dates for reading in other.readings):
                if wanted.is_part_of(found):
                    return True
                # "In 2026 … on 2 November"
                if found.year is None and wanted.agrees_with(found) and wanted.year in years:
                    return wanted.day is None or found.day is not None
    return False


def holds_quantity(facts: Iterable[Facts], quantity: Quantity) -> bool:
    """Tell whether one of the texts gives a number with its unit."""
    return any(
        quantity.equals(other) for held in facts for other in held.quantities
    ) or _is_year_of_date(facts, quantity)


def holds_value(facts: Iterable[Facts], quantity: Quantity) -> bool:
    """Tell whether one of the texts gives a number, with whichever unit."""
    return any(
        quantity.has_value_of(other) for held in facts for other in held.quantities
    ) or _is_year_of_date(facts, quantity)


def _is_year_of_date(facts: Iterable[Facts], quantity: Quantity) -> bool:
    if quantity.dimension:
        return False
    return any(
        value == part
        for value in quantity.values
        for held in facts
        for date in held.dates
        for reading in date.readings
        for part in (reading.year, reading.day)
        if part is not None
    )
