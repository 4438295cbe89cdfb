"""XLSX: each visible sheet is a page, its rows told by the names of their columns.

The XML is read directly and piece by piece: openpyxl keeps a sheet's cells in memory, shows numbers
without their formats, and does not bound what it unpacks.
"""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path

from lxml import etree

from documents.extraction import drawing
from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import squeeze
from documents.extraction.elements import attribute, child, name_of
from documents.extraction.errors import damaged
from documents.extraction.number_formats import BUILT_IN, shown
from documents.extraction.office_package import OfficePackage
from documents.extraction.sheets import Row, write_sheet
from documents.extraction.writer import SHEET_CHARACTERS, DocumentWriter

_MOST_COLUMNS = 16_384
_MOST_ROWS = 1_048_576
_LONGEST_CELL = 32_767


class XlsxExtractor(Extractor):
    """Reads .xlsx files."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        with OfficePackage(path, "XLSX") as package:
            main = package.main_part("xl/workbook.xml")
            root = package.xml(main)
            if root is None:
                raise damaged("XLSX")
            workbook = _Workbook(package, main, root)
            writer = DocumentWriter(limits, part_characters=SHEET_CHARACTERS)
            hidden = 0
            for name, part, visible in workbook.sheets():
                if not visible:
                    hidden += 1
                    continue
                charts = list(workbook.charts(part))
                if not write_sheet(writer, name, workbook.rows(part)) and charts:
                    writer.heading(name, 1)
                for chart in charts:
                    drawing.write_chart(writer, chart)
                for comment in workbook.comments(part):
                    writer.line(comment)
                writer.end_page()
            if hidden:
                writer.warn(f"{hidden} hidden sheet{'s were' if hidden > 1 else ' was'} not read.")
            return writer.document(package.title(), dated_on=package.dated_on())


class _Workbook:
    """The parts of a workbook."""

    def __init__(self, package: OfficePackage, main: str, root: etree._Element) -> None:
        self._package = package
        self._root = root
        self._relations = package.relations(main)
        properties = child(root, "workbookPr")
        self._since_1904 = properties is not None and attribute(properties, "date1904") in (
            "1",
            "true",
        )
        by_kind = dict(self._relations.values())
        self._strings = [
            _string(item) for item in package.elements(by_kind.get("sharedStrings", ""), ("si",))
        ]
        self._codes = _format_codes(package.xml(by_kind.get("styles", "")))

    def sheets(self) -> Iterator[tuple[str, str, bool]]:
        """Yield each sheet's name, part, and whether it is shown."""
        listed = child(self._root, "sheets")
        for sheet in listed if listed is not None else ():
            id = next((str(v) for k, v in sheet.attrib.items() if str(k).endswith("}id")), "")
            part = self._relations.get(id, ("", ""))[1]
            yield attribute(sheet, "name"), part, attribute(sheet, "state") in ("", "visible")

    def rows(self, part: str) -> Iterator[Row]:
        """Yield the rows that are shown, each with its cells as they are shown."""
        hidden: set[int] = set()
        number = 0
        for element in self._package.elements(part, ("row", "cols")):
            if name_of(element) == "cols":
                hidden = _hidden_columns(element)
                continue
            number = _number(element.get("r", ""), number + 1)
            if number > _MOST_ROWS:
                return
            if attribute(element, "hidden") in ("1", "true"):
                continue
            cells: dict[int, str] = {}
            column = -1
            for cell in element:
                column = _column(cell.get("r", ""), column + 1)
                text = self._text(cell)
                if text and column not in hidden and column < _MOST_COLUMNS:
                    cells[column] = text
            yield Row(number, cells)

    def charts(self, part: str) -> Iterator[etree._Element]:
        """Yield the charts on a sheet, and of a sheet that is one."""
        for drawn in self._package.related(part, "drawing"):
            for chart in self._package.related(drawn, "chart"):
                if (root := self._package.xml(chart)) is not None:
                    yield root

    def comments(self, part: str) -> Iterator[str]:
        """Yield what people have noted at cells."""
        for name in self._package.related(part, "comments"):
            root = self._package.xml(name)
            listed = child(root, "commentList")
            for comment in listed if listed is not None else ():
                text = squeeze("".join(t.text or "" for t in comment.iterdescendants("{*}t")))
                if text:
                    yield f"Comment at {attribute(comment, 'ref')}: {text}"

    def _text(self, cell: etree._Element) -> str:
        kind = cell.get("t", "")
        found = child(cell, "is" if kind == "inlineStr" else "v")
        if found is None:
            return ""
        value = found.text or ""
        if kind == "inlineStr":
            value = _string(found)
        elif kind == "s":
            place = _number(value, -1)
            value = self._strings[place] if 0 <= place < len(self._strings) else ""
        elif kind == "b":
            value = {"1": "TRUE", "0": "FALSE"}.get(value, "")
        elif kind not in ("str", "e", "d"):
            value = self._number_shown(value, _number(cell.get("s", ""), 0))
        return squeeze(value)

    def _number_shown(self, value: str, style: int) -> str:
        try:
            number = float(value)
        except ValueError:
            return ""
        if not isfinite(number):
            return ""
        return shown(number, self._codes.get(style, ""), since_1904=self._since_1904)


def _string(item: etree._Element) -> str:
    """Return the text of a string, without the reading aids of East Asian ones."""
    pieces = []
    for text in item.iterdescendants("{*}t"):
        parent = text.getparent()
        if parent is None or name_of(parent) != "rPh":
            pieces.append(text.text or "")
    return "".join(pieces)[:_LONGEST_CELL]


def _format_codes(root: etree._Element | None) -> dict[int, str]:
    """Return the number format of each cell style."""
    named: dict[int, str] = {}
    listed = child(root, "numFmts")
    for found in listed if listed is not None else ():
        named[_number(attribute(found, "numFmtId"), 0)] = attribute(found, "formatCode")
    codes: dict[int, str] = {}
    styles = child(root, "cellXfs")
    for place, style in enumerate(styles if styles is not None else ()):
        number = _number(attribute(style, "numFmtId"), 0)
        codes[place] = named.get(number) or BUILT_IN.get(number, "")
    return codes


def _hidden_columns(columns: etree._Element) -> set[int]:
    hidden: set[int] = set()
    for column in columns:
        if attribute(column, "hidden") in ("1", "true"):
            first = _number(attribute(column, "min"), 1)
            last = min(_number(attribute(column, "max"), first), _MOST_COLUMNS)
            hidden.update(range(first - 1, last))
    return hidden


def _column(reference: str, default: int) -> int:
    """Return the number, from 0, of the column that "AB12" names."""
    number = 0
    for letter in reference[:4]:
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1 if number else default


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
