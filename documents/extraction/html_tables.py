"""Tables of an HTML page as rows "a | b" that a person can read."""

from collections.abc import Iterator

from lxml import etree

from documents.extraction.cleaning import squeeze
from documents.extraction.html_visibility import is_skipped
from documents.extraction.rows import as_row

_STRUCTURE = ("table", "h1", "h2", "h3", "h4", "h5", "h6")
_INSIDE_A_LINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark nobr q rp rt ruby "
    "s samp small span strike strong sub sup time tt u var wbr".split()
)
_MOST_SPANNED = 500


def is_data_table(table: etree._Element) -> bool:
    """Tell whether rows and columns mean something, as they don't where they lay out a page."""
    if any(next(table.iterdescendants(tag), None) is not None for tag in _STRUCTURE):
        return False
    return any(len(_cells(row)) > 1 for row in table.iterdescendants("tr"))


def table_rows(table: etree._Element) -> Iterator[str]:
    """Yield the caption and the rows; a cell over several rows is repeated in each."""
    for caption in table.iterchildren("caption"):
        yield _cell_text(caption)
    spanning: dict[int, tuple[int, str]] = {}
    for row in table.iterdescendants("tr"):
        if is_skipped(row):
            continue
        texts: list[str] = []
        for cell in _cells(row):
            _repeat(spanning, texts)
            text = _cell_text(cell)
            span = _span(cell)
            if span > 1:
                spanning[len(texts)] = (span - 1, text)
            texts.append(text)
        _repeat(spanning, texts)
        yield as_row(texts)


def _repeat(spanning: dict[int, tuple[int, str]], texts: list[str]) -> None:
    """Fill the next columns with the cells that reach down into this row."""
    while len(texts) in spanning:
        column = len(texts)
        left, text = spanning[column]
        texts.append(text)
        if left > 1:
            spanning[column] = (left - 1, text)
        else:
            del spanning[column]


def _cells(row: etree._Element) -> list[etree._Element]:
    return [cell for cell in row.iterchildren("td", "th") if not is_skipped(cell)]


def _span(cell: etree._Element) -> int:
    value = cell.get("rowspan", "1")
    return min(int(value), _MOST_SPANNED) if value.isascii() and value.isdigit() else 1


def _cell_text(cell: etree._Element) -> str:
    pieces: list[str] = []
    events = etree.iterwalk(cell, events=("start", "end"))
    for event, element in events:
        if event == "start":
            if element is not cell and is_skipped(element):
                events.skip_subtree()
            else:
                pieces.append(_gap(element) + (element.text or ""))
        elif element is not cell:
            pieces.append(_gap(element) + (element.tail or ""))
    return squeeze("".join(pieces))


def _gap(element: etree._Element) -> str:
    return "" if element.tag in _INSIDE_A_LINE else " "
