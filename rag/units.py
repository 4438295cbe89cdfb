"""Units of measure, by the words and signs that documents write them with."""

import re
from decimal import Decimal

# Dimension, and how many of its smallest units one is. Months and years are no fixed number of
# days, so they are a dimension of their own; so is each currency.
_UNITS: dict[str, tuple[str, str]] = {
    "second seconds sec secs": ("time", "1"),
    "minute minutes min mins": ("time", "60"),
    "hour hours hr hrs h": ("time", "3600"),
    "day days": ("time", "86400"),
    "week weeks wk wks": ("time", "604800"),
    "month months": ("months", "1"),
    "quarter quarters": ("months", "3"),
    "year years yr yrs": ("months", "12"),
    "decade decades": ("months", "120"),
    "century centuries": ("months", "1200"),
    "% percent percents": ("percent", "1"),
    "$ usd dollar dollars": ("dollar", "1"),
    "\u20ac eur euro euros": ("euro", "1"),
    "\u00a3 gbp pound pounds": ("pound", "1"),
    "chf franc francs": ("franc", "1"),
    "\u00a5 jpy yen": ("yen", "1"),
    "cent cents": ("cent", "1"),
    "mm millimetre millimetres millimeter millimeters": ("length", "1"),
    "cm centimetre centimetres centimeter centimeters": ("length", "10"),
    "m metre metres meter meters": ("length", "1000"),
    "km kilometre kilometres kilometer kilometers": ("length", "1000000"),
    "mile miles mi": ("miles", "1"),
    "foot feet ft": ("feet", "1"),
    "inch inches": ("inches", "1"),
    "mg milligram milligrams": ("weight", "1"),
    "g gram grams": ("weight", "1000"),
    "kg kilogram kilograms kilo kilos": ("weight", "1000000"),
    "tonne tonnes": ("weight", "1000000000"),
    "ml millilitre millilitres milliliter milliliters": ("volume", "1"),
    "l litre litres liter liters": ("volume", "1000"),
    "kb kilobyte kilobytes": ("data", "1"),
    "mb megabyte megabytes": ("data", "1000"),
    "gb gigabyte gigabytes": ("data", "1000000"),
    "tb terabyte terabytes": ("data", "1000000000"),
    "mbit mbps": ("rate", "1"),
    "gbit gbps": ("rate", "1000"),
    "w watt watts": ("power", "1"),
    "kw kilowatt kilowatts": ("power", "1000"),
    "mw megawatt megawatts": ("power", "1000000"),
    "kwh": ("energy", "1"),
    "v volt volts": ("voltage", "1"),
    "\u00b0c celsius": ("celsius", "1"),
    "\u00b0f fahrenheit": ("fahrenheit", "1"),
    "\u00b0 degree degrees": ("degree", "1"),
    "hectare hectares ha": ("hectare", "1"),
    "acre acres": ("acre", "1"),
}
UNITS: dict[str, tuple[str, Decimal]] = {
    word: (dimension, Decimal(factor))
    for words, (dimension, factor) in _UNITS.items()
    for word in words.split()
}
_ALTERNATIVES = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
# Words that stand between a number and its unit.
_BETWEEN = (
    r"(?:(?:working|business|calendar|paid|unpaid|full|consecutive|more|additional|further|extra|"
    r"whole|unused|us|u\.s\.|minute|square|cubic|million|billion|thousand)\s+)?"
)
_AFTER = re.compile(
    rf"\s{{0,2}}-?{_BETWEEN}(?P<unit>per\s+cent|{_ALTERNATIVES})(?![a-z\d])", re.IGNORECASE
)
_BEFORE = re.compile(
    r"(?:(?P<sign>[$\u20ac\u00a3\u00a5])|\b(?P<code>usd|eur|gbp|chf|jpy))\s?$", re.I
)
_LETTERS_THAT_COUNT = frozenset({"h", "m", "g", "l", "w", "v", "min", "ha"})


def unit_at(text: str, start: int, end: int) -> tuple[str, Decimal]:
    """Return dimension and factor of a number's unit; an empty dimension where it has none."""
    before = _BEFORE.search(text, max(0, start - 5), start)
    if before:
        return UNITS[(before["sign"] or before["code"]).lower()]
    after = _AFTER.match(text, end)
    if after is None:
        return "", Decimal(1)
    word = " ".join(after["unit"].lower().split())
    if word in _LETTERS_THAT_COUNT and after["unit"] != word and word != "l":
        return "", Decimal(1)  # "5 M" and "3 G" are no metres and grams
    return UNITS["%" if word == "per cent" else word]
