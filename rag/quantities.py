"""Numbers and dates in one form, however a text or a question writes them."""

import datetime
import re
from collections.abc import Callable

_UNITS = tuple(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen""".split()  # noqa: SIM905 - reads better than a column
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_SMALL = {
    **{word: number for number, word in enumerate(_UNITS)},
    **{word: 10 * number for number, word in enumerate(_TENS, start=2)},
}
_NUMBER_WORD = "|".join([*_SMALL, *_SCALES])
_IN_WORDS = re.compile(
    rf"\b(?:{_NUMBER_WORD})(?:(?:[\s-]|\s+and\s+)(?:{_NUMBER_WORD}))*\b", re.IGNORECASE
)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_INTEGER = re.compile(r"(?<![\w.,-])\d{1,12}(?![\w-]|[.,]\d)")

_MONTHS = tuple(
    """january february march april may june july august september october november
    december""".split()  # noqa: SIM905
)
_MONTH = "|".join(rf"{month[:3]}(?:{month[3:]})?" if month[3:] else month for month in _MONTHS)
_MONTH = _MONTH.replace("sep(?:tember)?", "sept?(?:ember)?")
_DATES = tuple(
    (re.compile(pattern, re.IGNORECASE), order)
    for pattern, order in (
        (r"(?<![\d-])(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])", "ymd"),
        (r"(?<![\d.])(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})\b", "dmy"),
        (rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\.?(?:\s+of)?\s+({_MONTH})\b\.?,?\s+(\d{{4}})\b", "dmy"),
        (rf"\b({_MONTH})\b\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})\b", "mdy"),
        (r"(?<![\d/])(\d{1,2})/(\d{1,2})/(\d{4})(?![\d/])", "slashes"),
    )
)
_MOST_SPELT_OUT = 100
_FIRST_WITH_SEPARATOR = 1_000


def normalized(text: str, *, asked: bool = False) -> str:
    """Return the text with its numbers in digits, and each date also as `20260301`.

    For comparing words alone: places in it are not places in the text.

    Args:
        asked: whether it is a question, which means the date and not its parts.
    """
    text = _with_dates(text, asked=asked)
    text = _THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)
    return _IN_WORDS.sub(_as_digits, text)


def values(text: str) -> frozenset[str]:
    """Return the numbers and dates in their one form: `14`, `1000`, `2.5`, `20260301`."""
    return frozenset(re.findall(r"(?<!\w)\d+(?:[.,:]\d+)*", normalized(text)))


def other_spellings(question: str) -> list[str]:
    """Return further ways to write the question's numbers and dates: words or short phrases."""
    spellings: dict[str, None] = {}
    rest = question
    for pattern, order in _DATES:
        for found in pattern.finditer(rest):
            for date in _dates(found, order):
                spellings.update(dict.fromkeys(_spelt_dates(date)))
        rest = pattern.sub(" ", rest)
    for found in _THOUSANDS.finditer(rest):
        spellings[found[0].replace(",", "")] = None
    for found in _INTEGER.finditer(_THOUSANDS.sub(" ", rest)):
        spellings.update(dict.fromkeys(_spelt_numbers(int(found[0]))))
    for found in _IN_WORDS.finditer(rest):
        if (digits := _as_digits(found)) != found[0]:
            spellings[digits] = None
    return [spelling for spelling in spellings if spelling.lower() not in question.lower()]


def _spelt_numbers(number: int) -> list[str]:
    if number >= _FIRST_WITH_SEPARATOR:
        return [f"{number:,}"]
    if number == _MOST_SPELT_OUT:
        return ["hundred"]
    if not 1 < number < _MOST_SPELT_OUT:
        return []
    if number < len(_UNITS):
        return [_UNITS[number]]
    tens, unit = divmod(number, 10)
    return [f"{_TENS[tens - 2]} {_UNITS[unit]}" if unit else _TENS[tens - 2]]


def _spelt_dates(date: datetime.date) -> list[str]:
    month, day, year = _MONTHS[date.month - 1], date.day, date.year
    return [
        date.isoformat(),
        f"{day} {month} {year}",
        f"{month} {day} {year}",
        f"{day} {month[:3]} {year}",
        f"{month[:3]} {day} {year}",
        f"{day:02}.{date.month:02}.{year}",
    ]


def _with_dates(text: str, *, asked: bool) -> str:
    for pattern, order in _DATES:
        text = pattern.sub(_dated(order, asked=asked), text)
    return text


def _dated(order: str, *, asked: bool) -> Callable[[re.Match[str]], str]:
    def replaced(found: re.Match[str]) -> str:
        dates = " ".join(f"{date:%Y%m%d}" for date in _dates(found, order))
        return (dates if asked else f"{found[0]} {dates}") if dates else found[0]

    return replaced


def _dates(found: re.Match[str], order: str) -> list[datetime.date]:
    """Return the date that was written; two where it can't be told which comes first."""
    parts = found.groups()
    orders = ("dmy", "mdy") if order == "slashes" else (order,)
    dates: dict[datetime.date, None] = {}
    for letters in orders:
        year, month, day = (parts[letters.index(letter)] for letter in "ymd")
        try:
            dates[datetime.date(int(year), _month(month), int(day))] = None
        except ValueError:
            continue  # 31/02: no date
    return list(dates)


def _month(text: str) -> int:
    if text.isdigit():
        return int(text)
    return next(n for n, month in enumerate(_MONTHS, start=1) if month[:3] == text[:3].lower())


def _as_digits(found: re.Match[str]) -> str:
    """Return a number written out in digits; a lone "one" is a pronoun too often."""
    spelt = [word for word in re.split(r"[\s-]+", found[0].lower()) if word != "and"]
    if spelt == ["one"]:
        return found[0]
    total = current = 0
    for word in spelt:
        if word in _SMALL:
            # "twenty twenty" is no sum.
            if current % 100 and not (
                _SMALL[word] < 10 and current % 10 == 0 and current % 100 > 10
            ):
                return found[0]
            current += _SMALL[word]
        elif word == "hundred":
            current = max(1, current) * 100
        else:
            total, current = total + max(1, current) * _SCALES[word], 0
    return str(total + current)
