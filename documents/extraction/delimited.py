"""CSV and TSV: each row becomes a line that can be understood, and quoted, without its header."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import squeeze
from documents.extraction.encoding import decode
from documents.extraction.rows import as_row
from documents.extraction.writer import DocumentWriter

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 100
_LONGEST_FIELD = 1_000_000
_LONGEST_HEADER = 80
_VALUE = re.compile(r"[\d\s.,:/%€$£¥+()\-–T]*\d[\d\s.,:/%€$£¥+()\-–TZ]*$")
_ADDRESS = re.compile(r"\S+@\S+\.\S+$|https?://\S+$")


class DelimitedExtractor(Extractor):
    """Reads rows of fields; the delimiter is found out, whatever the extension says."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        text = decode(path.read_bytes()).replace("\0", "")
        writer = DocumentWriter(limits)
        rows = _rows(text)
        first = list(islice(rows, _SAMPLE_ROWS))
        while first and len(first) > 1 and _is_caption(first[0], first[1]):
            writer.paragraph(next(filter(None, first.pop(0))))
        header = first[0] if _is_header(first) else None
        if header is not None:
            writer.line(" | ".join(name for name in header if name))
            first = first[1:]
        for batch in (first, rows):
            for row in batch:
                writer.line(_as_line(row, header))
        return writer.document()


def _rows(text: str) -> Iterator[list[str]]:
    """Yield the rows that hold anything, cells on one line each."""
    csv.field_size_limit(_LONGEST_FIELD)
    lines = text.splitlines(keepends=True)
    delimiter = _delimiter(lines[:_SAMPLE_ROWS])
    if _quotes_balance(text, delimiter):
        rows = csv.reader(lines, delimiter=delimiter)
    else:  # one quotation mark too many would swallow the rest of the file
        rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    for row in rows:
        cells = [squeeze(cell) for cell in row]
        if any(cells):
            yield cells


def _quotes_balance(text: str, delimiter: str) -> bool:
    if '"' not in text:
        return True
    try:
        reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
        return all(cell.count("\n") < _SAMPLE_ROWS for row in reader for cell in row)
    except csv.Error:
        return False


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter under which most lines have the same number of fields."""
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        try:
            counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        except csv.Error:
            continue
        fields, rows = max(
            ((n, rows) for n, rows in counts.items() if n > 1), key=lambda c: c[1], default=(1, 0)
        )
        score = rows / max(1, counts.total()) + min(fields, 20) / 100
        if rows and score > best_score:
            best, best_score = delimiter, score
    return best


def _is_caption(row: list[str], following: list[str]) -> bool:
    """Tell whether the row is a title above the table: one cell where others have several."""
    return sum(map(bool, row)) == 1 and sum(map(bool, following)) > 1


def _is_header(rows: list[list[str]]) -> bool:
    """Tell whether the first row names the columns: short different words, no values."""
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    names = [name for name in rows[0] if name]
    if len(names) < len(rows[0]) - 1 or len(set(map(str.casefold, names))) < len(names):
        return False
    if any(
        len(name) > _LONGEST_HEADER or _VALUE.match(name) or _ADDRESS.match(name) for name in names
    ):
        return False
    # A name that comes back in its own column is a value.
    columns = min(len(rows[0]), *(len(row) for row in rows[1:]))
    return not any(row[i] and row[i] == rows[0][i] for row in rows[1:] for i in range(columns))


def _as_line(row: list[str], header: list[str] | None) -> str:
    """Return "Name: value; Name: value"; without names "value | value"."""
    if header is None:
        return as_row(row)
    named = []
    for place, cell in enumerate(row):
        name = header[place] if place < len(header) else ""
        if cell:
            named.append(f"{name}: {cell}" if name else cell)
    return "; ".join(named)
