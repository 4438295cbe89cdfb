"""Shows a cell's number as the sheet does: 0.05 as "5%", 45292 as "01/01/2024".

The codes are those of ECMA-376 part 1, section 18.8.31; what is not covered is shown plainly.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00",
    14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0;(#,##0)",
    38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)", 45: "mm:ss",
    46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
"""Formats that files name by number alone; dates that depend on the country are shown as ISO."""
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)(?:"|$)|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)[^\]]*\]'
    r"|\[(?P<elapsed>h+|m+|s+)\]|\[[^\]]*\]|_.|\*.|(?P<half>AM/PM|A/P)"
    r"|(?P<date>y+|m+|d+|h+|s+)"
    r"|(?P<digits>[#0?][#0?,]*(?:\.[#0?]*)?|\.[#0?]+)|(?P<exponent>E[+-][0#?]+)|(?P<percent>%)"
    r"|(?P<text>@)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_MIDNIGHT = re.compile(r"(?<=\S)[ T]0?0:00(?::00)?$")
_GENERAL = re.compile("general", re.IGNORECASE)
_LONGEST_CODE = 500
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)
_LAST_DAY = 2_958_465  # 9999-12-31
_SIGNIFICANT = 15  # digits of a number that a sheet keeps
_MOST_DECIMALS = 15
_DATE_PARTS = {
    "yyyy": "%Y", "yy": "%y", "mmmm": "%B", "mmm": "%b", "mm": "%m", "dddd": "%A", "ddd": "%a",
    "dd": "%d", "hh": "%H", "ss": "%S",
}  # fmt: skip


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def shown(value: float, code: str, *, since_1904: bool = False) -> str:
    """Return a number as a format code shows it.

    Args:
        value: what the file holds; days since the end of 1899 for a date.
        code: such as "#,##0.00" or "dd/mm/yyyy"; "" and "General" show it plainly.
        since_1904: whether days are counted as old Macintosh programs do.
    """
    tokens, without_sign = _section(code, _sign(value))
    kinds = {token.kind for token in tokens}
    if "date" in kinds or "elapsed" in kinds:
        return _date(value, tokens, since_1904=since_1904)
    value = abs(value) if without_sign else value
    if "digits" in kinds:
        return _number(value, tokens)
    if "text" in kinds or not code:
        return plain(value)
    return "".join(token.text for token in tokens).strip()  # words stand for the number


def plain(value: float) -> str:
    """Return a number with the digits that count."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.{_SIGNIFICANT}g}"


def is_date(code: str) -> bool:
    """Tell whether a format code shows dates or times."""
    return any(token.kind in ("date", "elapsed") for token in _section(code, 1)[0])


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


@lru_cache(maxsize=1_000)
def _section(code: str, sign: int) -> tuple[tuple[_Token, ...], bool]:
    """Return the part of a code for numbers of a sign, and whether it shows the sign itself."""
    sections: list[list[_Token]] = [[]]
    for found in _TOKEN.finditer(_GENERAL.sub("@", code[:_LONGEST_CODE])):
        kind = found.lastgroup
        if kind == "other" and found[0] == ";":
            sections.append([])
        elif kind is not None:
            sections[-1].append(_Token(kind, found[kind]))
    place = 0
    if sign < 0 and len(sections) > 1:
        place = 1
    elif sign == 0 and len(sections) > 2:
        place = 2
    return tuple(sections[place]), place == 1


def _number(value: float, tokens: tuple[_Token, ...]) -> str:
    pattern = next(token.text for token in tokens if token.kind == "digits")
    value *= 100 ** sum(token.kind == "percent" for token in tokens)
    whole, _, fraction = pattern.partition(".")
    value /= 1000 ** (len(pattern) - len(pattern.rstrip(",")))
    digits = _digits(value, whole, fraction, exponent=any(t.kind == "exponent" for t in tokens))
    pieces: list[str] = []
    for token in tokens:
        if token.kind == "digits":
            pieces.append(digits)
            digits = ""  # a second pattern belongs to a fraction, which is shown as a decimal
        elif token.kind == "percent":
            pieces.append("%")
        elif token.kind in ("quoted", "escaped", "currency", "other"):
            pieces.append(token.text)
    return "".join(pieces).strip()


def _digits(value: float, whole: str, fraction: str, *, exponent: bool) -> str:
    least = min(fraction.count("0") + fraction.count("?"), _MOST_DECIMALS)
    most = min(len(fraction.replace(",", "")), _MOST_DECIMALS)
    if exponent:
        return f"{value:.{most}E}"
    text = f"{value:,.{most}f}" if "," in whole.rstrip(",") else f"{value:.{most}f}"
    if most > least:
        before, _, after = text.partition(".")
        after = after[:least] + after[least:].rstrip("0")
        text = f"{before}.{after}" if after else before
    places = whole.count("0")
    if places > 1 and "," not in whole:
        negative, text = text.startswith("-"), text.lstrip("-")
        before, dot, after = text.partition(".")
        text = f"{'-' if negative else ''}{before.zfill(min(places, 30))}{dot}{after}"
    return "0" if text.strip("-0.,") == "" and most == 0 and places <= 1 else text


def _date(value: float, tokens: tuple[_Token, ...], *, since_1904: bool) -> str:
    if not 0 <= value <= _LAST_DAY:
        return plain(value)
    # The sheet's calendar has a 29 February 1900.
    seconds = round((value + (not since_1904 and value < 60)) * 86_400)
    moment = (_EPOCH_1904 if since_1904 else _EPOCH) + timedelta(seconds=seconds)
    half_days = any(token.kind == "half" for token in tokens)
    pieces: list[str] = []
    last = ""
    for place, token in enumerate(tokens):
        if token.kind == "elapsed":
            unit = {"h": 3600, "m": 60, "s": 1}[token.text[0].lower()]
            pieces.append(str(round(value * 86_400) // unit))
            last = token.text[0].lower()
        elif token.kind == "date":
            part = token.text.lower()
            minutes = part[0] == "m" and len(part) < 3 and (
                last == "h" or _following(tokens, place) == "s"
            )  # fmt: skip
            pieces.append(_part(moment, part, minutes=minutes, half_days=half_days))
            last = part[0]
        elif token.kind == "half":
            pieces.append("AM" if moment.hour < 12 else "PM")
        elif token.kind in ("quoted", "escaped", "other"):
            pieces.append(token.text)
    text = "".join(pieces).strip()
    return _MIDNIGHT.sub("", text) if seconds % 86_400 == 0 else text


def _following(tokens: tuple[_Token, ...], place: int) -> str:
    """Return the first letter of the next part of a date."""
    later = (token.text[0].lower() for token in tokens[place + 1 :] if token.kind == "date")
    return next(later, "")


def _part(moment: datetime, part: str, *, minutes: bool, half_days: bool) -> str:
    if minutes:
        return f"{moment.minute:02d}" if len(part) > 1 else str(moment.minute)
    if part[0] == "h" and half_days:
        hour = moment.hour % 12 or 12
        return f"{hour:02d}" if len(part) > 1 else str(hour)
    simple = {"d": moment.day, "m": moment.month, "h": moment.hour, "s": moment.second}
    if len(part) == 1 and part in simple:
        return str(simple[part])
    name = part[:4] if part[0] in "ymd" else part[:2]
    name = "yyyy" if name == "yyy" else "yy" if name == "y" else name
    return moment.strftime(_DATE_PARTS.get(name, "%Y"))
