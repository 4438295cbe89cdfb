"""What is done to a true sentence to make it false, or to say the same in other words."""

import random
import re
from collections.abc import Callable, Sequence

from rag.quantities import Quantity
from rag.support.facts import facts_of

Change = Callable[[str, random.Random], str | None]

_MONTHS = "January February March April May June July August September October November December"
_MONTH_NAMES = _MONTHS.split()
_FULL_DATE = re.compile(
    rf"\b(\d{{1,2}}) ({'|'.join(_MONTH_NAMES)}) (\d{{4}})\b"
    rf"|\b({'|'.join(_MONTH_NAMES)}) (\d{{1,2}}),? (\d{{4}})\b"
)
# The same without a year.
_DAY = re.compile(
    rf"\b(?P<day>\d{{1,2}}) (?P<month>{'|'.join(_MONTH_NAMES)})\b"
    rf"|\b(?P<first>{'|'.join(_MONTH_NAMES)}) (?P<number>\d{{1,2}})\b(?! ?[.:]\d)"
)
_UP_TO_TWELVE = "zero one two three four five six seven eight nine ten eleven twelve"
_SPELT = _UP_TO_TWELVE.split()
_UNIT_SWAPS = {
    "seconds": "minutes", "minutes": "hours", "minute": "hour", "hours": "days", "hour": "day",
    "days": "weeks", "day": "week", "weeks": "months", "week": "month", "months": "years",
    "month": "year", "years": "months", "year": "month", "centuries": "decades",
    "percent": "euros", "per cent": "euros", "%": " euros", "euros": "dollars", "kg": "g",
    "dollars": "euros", "km": "miles", "kilometres": "miles", "metres": "kilometres",
    "meters": "feet", "feet": "metres", "miles": "kilometres", "GB": "MB", "MB": "GB",
    "tonnes": "kilograms", "acres": "hectares",
}  # fmt: skip
_AUXILIARY = re.compile(
    r"\b(is|are|was|were|can|must|may|will|should|has to|have to|does|do|did|could|would)\b"
)
_NEGATED = re.compile(
    r"\b(is|are|was|were|can|must|may|will|should|does|do|did|could|would) not\b"
    r"|\bcannot\b|\bnever\b"
)
_SYNONYMS = {
    "approximately": "about", "about": "roughly", "however": "yet", "also": "as well",
    "receive": "get", "receives": "gets", "must": "have to", "may": "can", "begin": "start",
    "purchase": "buy", "obtain": "get", "prior to": "before", "large": "big", "often": "frequently",
    "many": "numerous", "because": "since", "such as": "like", "within": "inside",
    "several": "a number of", "usually": "normally", "main": "principal", "use": "make use of",
    "help": "assist", "show": "display", "need": "require", "needs": "requires", "whole": "entire",
    "at least": "no less than", "more than": "over", "various": "different", "ask": "request",
    "quickly": "rapidly", "important": "significant", "people": "persons", "although": "though",
    "allowed": "permitted", "each": "every", "employees": "staff", "please": "kindly",
}  # fmt: skip
_CONTRACTIONS = {
    "do not": "don't", "does not": "doesn't", "is not": "isn't", "are not": "aren't",
    "cannot": "can't", "will not": "won't", "was not": "wasn't", "were not": "weren't",
    "did not": "didn't", "should not": "shouldn't", "have not": "haven't", "it is": "it's",
}  # fmt: skip


def other_number(sentence: str, rng: random.Random) -> str | None:
    """Put another number in the place of one that is written in digits; a year too."""
    found = [
        quantity
        for quantity in facts_of(sentence).quantities
        if quantity.text.replace(",", "").replace(".", "").isdigit()
    ]
    if not found:
        return None
    quantity = rng.choice(found)
    return replaced(sentence, quantity, altered(quantity.text, rng))


def altered(written: str, rng: random.Random) -> str:
    """Change digits so that the number stays one of the same size."""
    places = [place for place, character in enumerate(written) if character.isdigit()]
    place = rng.choice(places)
    choices = [d for d in "0123456789" if d != written[place] and (d != "0" or place != places[0])]
    return written[:place] + rng.choice(choices) + written[place + 1 :]


def replaced(sentence: str, quantity: Quantity, by: str) -> str | None:
    """Put another number in the place of one; None where that says nothing new."""
    known = {value for each in facts_of(sentence).quantities for value in each.values}
    changed = sentence[: quantity.start] + by + sentence[quantity.end :]
    # "from 270 to 270" would be another mistake than a number from nowhere.
    new = {value for each in facts_of(changed).quantities for value in each.values}
    return changed if new - known else None


def other_date(sentence: str, rng: random.Random) -> str | None:
    """Change the day, the month or the year of a date."""
    match = _FULL_DATE.search(sentence)
    if match is None:
        return _other_day(sentence, rng)
    day, month, year = (
        (match[1], match[2], match[3]) if match[1] else (match[5], match[4], match[6])
    )
    part = rng.randrange(3)
    if part == 0:
        other = str(rng.choice([d for d in range(1, 28) if d != int(day)]))
        changed = match[0].replace(day, other, 1)
    elif part == 1:
        changed = match[0].replace(month, rng.choice([m for m in _MONTH_NAMES if m != month]))
    else:
        changed = match[0].replace(year, str(int(year) + rng.choice((-10, -2, -1, 1, 2, 10))))
    return sentence[: match.start()] + changed + sentence[match.end() :]


def _other_day(sentence: str, rng: random.Random) -> str | None:
    match = _DAY.search(sentence)
    if match is None:
        return None
    day, month = match["day"] or match["number"], match["month"] or match["first"]
    if rng.random() < 0.5:
        other = str(rng.choice([d for d in range(1, 28) if d != int(day)]))
        changed = match[0].replace(day, other, 1)
    else:
        changed = match[0].replace(month, rng.choice([m for m in _MONTH_NAMES if m != month]))
    return sentence[: match.start()] + changed + sentence[match.end() :]


def other_unit(sentence: str, rng: random.Random) -> str | None:
    """Put another unit behind a number, or another currency before it."""
    for quantity in facts_of(sentence).quantities:
        rest = sentence[quantity.end :]
        for unit, other in _UNIT_SWAPS.items():
            if match := re.match(rf"[ -]?{re.escape(unit)}(?![a-z])", rest):
                joint = match[0][: len(match[0]) - len(unit)]
                return sentence[: quantity.end] + joint + other + rest[match.end() :]
        before = sentence[quantity.start - 1 : quantity.start]
        if before in {"$", "\u20ac", "\u00a3"}:
            other = {"$": "\u20ac", "\u20ac": "\u00a3", "\u00a3": "$"}[before]
            return sentence[: quantity.start - 1] + other + sentence[quantity.start :]
    return None


def other_name(sentence: str, rng: random.Random, names: Sequence[str]) -> str | None:
    """Put another name in the place of one."""
    own = [name.text for name in facts_of(sentence).names if name.text.isalpha()]
    others = [name for name in names if name not in sentence]
    if not own or not others:
        return None
    return re.sub(rf"\b{rng.choice(own)}\b", rng.choice(others), sentence)


def denied(sentence: str, rng: random.Random) -> str | None:
    """Put a "not" in."""
    if _NEGATED.search(sentence):
        return None
    match = _AUXILIARY.search(sentence)
    if match is None:
        return None
    word = match[1]
    negated = f"do not {word}" if word in ("has to", "have to") else f"{word} not"
    return sentence[: match.start()] + negated + sentence[match.end() :]


def affirmed(sentence: str, rng: random.Random) -> str | None:
    """Take a "not" out."""
    match = _NEGATED.search(sentence)
    if match is None:
        return None
    kept = match[1] or ("can" if match[0] == "cannot" else "always")
    return sentence[: match.start()] + kept + sentence[match.end() :]


def numbers_written_otherwise(sentence: str, rng: random.Random) -> str | None:
    """Write 1,000 as 1000, 12 as twelve, 50 % as 50 percent."""
    changed = re.sub(r"(?<=\d),(?=\d{3}\b)", "", sentence)
    changed = re.sub(r"(?<=\d) ?(?:%|per cent\b)", " percent", changed)
    changed = re.sub(
        r"(?<![\d.,:/$\u20ac\u00a3-])\b(\d|1[0-2])\b"
        rf"(?![\d.,:/%-]| percent| (?:{'|'.join(_MONTH_NAMES)})| ?[ap]m\b)",
        lambda match: _SPELT[int(match[1])],
        changed,
    )
    return changed if changed != sentence else None


def dates_written_otherwise(sentence: str, rng: random.Random) -> str | None:
    """Write 2 November 2026 as 2026-11-02 or November 2nd, 2026."""
    match = _FULL_DATE.search(sentence)
    if match is None:
        return None
    day, month, year = (
        (match[1], match[2], match[3]) if match[1] else (match[5], match[4], match[6])
    )
    number = _MONTH_NAMES.index(month) + 1
    forms = (
        f"{year}-{number:02}-{int(day):02}",
        f"{month[:3]} {day}, {year}",
        f"the {day}th of {month}, {year}",
        f"{int(day):02}.{number:02}.{year}",
    )
    return sentence[: match.start()] + rng.choice(forms) + sentence[match.end() :]


def other_words(sentence: str, rng: random.Random) -> str | None:
    """Put words of the same meaning in."""
    changed = sentence
    for word, other in _SYNONYMS.items():
        changed = re.sub(rf"\b{word}\b", other, changed, count=1)
    for words, short in _CONTRACTIONS.items():
        changed = re.sub(rf"\b{words}\b", short, changed)
    return changed if changed != sentence else None


def shorter(sentence: str, rng: random.Random) -> str | None:
    """Leave an opening, a bracket or an inserted clause out."""
    changed = re.sub(r"\s*\([^()]*\)", "", sentence)
    changed = re.sub(r"^(?:However|Therefore|Also|In addition|For example|Finally), (\w)",
                     lambda match: match[1].upper(), changed)  # fmt: skip
    changed = re.sub(r", (?:which|who|including|especially|such as)\b[^,.;]*(?=[,.;])", "", changed)
    return changed if changed != sentence and len(changed) > 30 else None


def turned_round(sentence: str, rng: random.Random) -> str | None:
    """Move an opening clause behind the main one."""
    match = re.fullmatch(
        r"((?:In|On|At|From|After|Before|Until|During|If|When|For|With|By|Since) [^,]{4,60}), "
        r"(\w)(.+)\.",
        sentence,
    )
    if match is None or match[3].count(",") > 1:
        return None
    opening = match[1][0].lower() + match[1][1:]
    return f"{match[2].upper()}{match[3]} {opening}."


FALSE: dict[str, Change] = {
    "another number": other_number,
    "another date": other_date,
    "another unit": other_unit,
    "a negation put in": denied,
    "a negation taken out": affirmed,
}
TRUE: dict[str, Change] = {
    "numbers written otherwise": numbers_written_otherwise,
    "dates written otherwise": dates_written_otherwise,
    "other words": other_words,
    "shortened": shorter,
    "clauses turned round": turned_round,
}
