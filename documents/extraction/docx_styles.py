"""What a Word paragraph is (heading, list item), by its styles and numbering definitions."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

from lxml import etree

from documents.extraction.elements import attribute, child, name_of

_HEADING_STYLE = re.compile(r"heading (\d)$", re.IGNORECASE)
_LIST_STYLE = re.compile(r"list (bullet|number|paragraph)", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"%(\d)")
_LONGEST_CHAIN = 20
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
          (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


@dataclass(frozen=True)
class _Style:
    name: str
    based_on: str
    outline: int | None
    numbering: tuple[str, int] | None  # id and level


class Styles:
    """The style sheet (`styles.xml`)."""

    def __init__(self, root: etree._Element | None) -> None:
        self._styles: dict[str, _Style] = {}
        for element in root if root is not None else ():
            if name_of(element) == "style":
                properties = child(element, "pPr")
                self._styles[attribute(element, "styleId")] = _Style(
                    name=_value(child(element, "name")),
                    based_on=_value(child(element, "basedOn")),
                    outline=outline_of(properties),
                    numbering=numbering_of(properties),
                )

    def heading_level(self, style_id: str) -> int | None:
        """Return the level of a heading style, None of any other."""
        for style in self._chain(style_id):
            found = _HEADING_STYLE.match(style.name)
            if found:
                return int(found[1])
            if style.name.lower() == "title":
                return 1
            if style.outline is not None:
                return style.outline + 1 if style.outline < 9 else None
        return None

    def numbering(self, style_id: str) -> tuple[str, int] | None:
        """Return the list that a style belongs to: id and level."""
        return next((s.numbering for s in self._chain(style_id) if s.numbering), None)

    def is_list(self, style_id: str) -> bool:
        """Tell whether the style is one of Word's list styles, which may lack a definition."""
        return any(_LIST_STYLE.match(style.name) for style in self._chain(style_id))

    def _chain(self, style_id: str) -> list[_Style]:
        chain: list[_Style] = []
        while style_id in self._styles and len(chain) < _LONGEST_CHAIN:
            chain.append(self._styles[style_id])
            style_id = chain[-1].based_on
        return chain


@dataclass
class _Level:
    format: str
    text: str
    start: int


@dataclass
class _Counters:
    values: dict[int, int] = field(default_factory=dict)


class Numbering:
    """The list definitions (`numbering.xml`) and where each list has got to."""

    def __init__(self, root: etree._Element | None) -> None:
        self._abstract_of: dict[str, str] = {}
        self._levels: dict[str, dict[int, _Level]] = {}
        self._restarts: dict[str, dict[int, int]] = defaultdict(dict)
        self._counters: dict[str, _Counters] = defaultdict(_Counters)
        for element in root if root is not None else ():
            if name_of(element) == "abstractNum":
                levels = [e for e in element if name_of(e) == "lvl"]
                self._levels[attribute(element, "abstractNumId")] = {
                    _number(attribute(level, "ilvl")): _level(level) for level in levels
                }
            elif name_of(element) == "num":
                number = attribute(element, "numId")
                self._abstract_of[number] = _value(child(element, "abstractNumId"))
                for override in (e for e in element if name_of(e) == "lvlOverride"):
                    start = child(override, "startOverride")
                    if start is not None:
                        level = _number(attribute(override, "ilvl"))
                        self._restarts[number][level] = _number(attribute(start), 1)

    def label(self, number: str, level: int) -> str:
        """Return the next label of a list: "- ", "2.1 ", "(a) "."""
        abstract = self._abstract_of.get(number)
        levels = self._levels.get(abstract or "", {})
        if abstract is None or level not in levels:
            return "- "
        values = self._counters[abstract].values
        restart = self._restarts[number].pop(level, None)
        start = levels[level].start if restart is None else restart
        values[level] = start if restart is not None else values.get(level, start - 1) + 1
        for deeper in [other for other in values if other > level]:
            del values[deeper]
        if levels[level].format in ("bullet", "none", ""):
            return "- " if levels[level].format == "bullet" else ""
        text = _PLACEHOLDER.sub(
            lambda found: _counted(levels, values, int(found[1]) - 1), levels[level].text
        )
        return f"{text.strip()} " if text.strip() else ""


def outline_of(properties: etree._Element | None) -> int | None:
    """Return the outline level (0 is the highest) that paragraph properties set."""
    found = child(properties, "outlineLvl")
    return None if found is None else _number(attribute(found), 9)


def numbering_of(properties: etree._Element | None) -> tuple[str, int] | None:
    """Return the list that paragraph properties name: id ("0" is none) and level."""
    found = child(properties, "numPr", "numId")
    if found is None:
        return None
    return attribute(found), _number(_value(child(properties, "numPr", "ilvl")))


def _counted(levels: dict[int, _Level], values: dict[int, int], level: int) -> str:
    if level not in levels:
        return ""
    return _as_format(values.get(level, levels[level].start), levels[level].format)


def _level(element: etree._Element) -> _Level:
    return _Level(
        format=_value(child(element, "numFmt")) or "decimal",
        text=_value(child(element, "lvlText")),
        start=_number(_value(child(element, "start")), 1),
    )


def _value(element: etree._Element | None) -> str:
    return "" if element is None else attribute(element)


def _number(text: str, default: int = 0) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else default


def _as_format(value: int, kind: str) -> str:
    if kind in ("lowerLetter", "upperLetter") and value > 0:
        letters = chr(ord("a") + (value - 1) % 26) * min((value - 1) // 26 + 1, 5)
        return letters if kind == "lowerLetter" else letters.upper()
    if kind in ("lowerRoman", "upperRoman") and 0 < value < 4000:
        roman = ""
        for amount, sign in _ROMAN:
            roman += sign * (value // amount)
            value %= amount
        return roman if kind == "lowerRoman" else roman.upper()
    return f"{value:02d}" if kind == "decimalZero" else str(value)
