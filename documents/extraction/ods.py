"""ODS: each visible sheet is a page, its rows told by the names of their columns."""

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.elements import attribute, child, name_of
from documents.extraction.odf import OdfPackage, row_texts, rows_of
from documents.extraction.sheets import Row, write_sheet
from documents.extraction.writer import SHEET_CHARACTERS, DocumentWriter

_MOST_REPEATED_ROWS = 1_000


class OdsExtractor(Extractor):
    """Reads .ods files."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        with OdfPackage(path, "ODS") as package:
            body = package.body("spreadsheet")
            hidden_styles = set(_hiding_styles(package))
            writer = DocumentWriter(limits, part_characters=SHEET_CHARACTERS)
            hidden = 0
            for table in body:
                if name_of(table) != "table":
                    continue
                if attribute(table, "style-name") in hidden_styles:
                    hidden += 1
                    continue
                write_sheet(writer, attribute(table, "name"), _rows(table))
                writer.end_page()
            if hidden:
                writer.warn(f"{hidden} hidden sheet{'s were' if hidden > 1 else ' was'} not read.")
            return writer.document(package.title(), dated_on=package.dated_on())


def _hiding_styles(package: OdfPackage) -> Iterator[str]:
    for style in package.styles():
        properties = child(style, "table-properties")
        if properties is not None and attribute(properties, "display") == "false":
            yield attribute(style, "name")


def _rows(table: etree._Element) -> Iterator[Row]:
    """Yield the rows that are shown; the file holds each value as it is shown, too."""
    number = 0
    for row in rows_of(table):
        repeated = attribute(row, "number-rows-repeated")
        times = int(repeated) if repeated.isdigit() and len(repeated) < 8 else 1
        first, number = number + 1, number + times
        if attribute(row, "visibility") in ("collapse", "filter"):
            continue
        cells = {column: text for column, text in enumerate(row_texts(row)) if text}
        for place in range(min(times, _MOST_REPEATED_ROWS) if cells else 0):
            yield Row(first + place, cells)
