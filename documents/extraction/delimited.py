"""CSV and TSV: each row becomes a line that can be understood, and quoted, without its header."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import squeeze
from documents.extraction.encoding import decode
from documents.extraction.tables import write_table
from documents.extraction.writer import DocumentWriter

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 100
_LONGEST_FIELD = 1_000_000


class DelimitedExtractor(Extractor):
    """Reads rows of fields; the delimiter is found out, whatever the extension says."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        text = decode(path.read_bytes()).replace("\0", "")
        writer = DocumentWriter(limits)
        write_table(writer, _rows(text))
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
