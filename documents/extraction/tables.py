"""Writes tables whose rows can be understood, and quoted, without their header."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain, islice

from documents.extraction.rows import as_row
from documents.extraction.writer import DocumentWriter

_SAMPLE_ROWS = 100
_LONGEST_HEADER = 80
_VALUE = re.compile(r"[\d\s.,:/%€$£¥+()\-–T]*\d[\d\s.,:/%€$£¥+()\-–TZ]*$")
_PERIOD = re.compile(r"(?:19|20)\d\d(?:\s*[-/–]\s*\d{2,4})?$")
_MOST_CAPTIONS = 6
_ADDRESS = re.compile(r"\S+@\S+\.\S+$|https?://\S+$")


def write_table(
    writer: DocumentWriter,
    rows: Iterable[Sequence[str]],
    *,
    above: Sequence[str] | None = None,
) -> Sequence[str] | None:
    """Write rows of cells, none of them empty as a whole: "Name: value; Name: value".

    Where nothing names the columns, a row becomes "value | value".

    Args:
        writer: where to.
        rows: those of the table, with its header and captions if it has them.
        above: the header of a table that stands above in the same columns; it goes on for these
            rows, if they have none of their own.

    Returns:
        The header that the rows were written with.
    """
    rows = iter(rows)
    first = list(islice(rows, _SAMPLE_ROWS))
    place = _header_place(first)
    header = None if place is None else first[place]
    for caption in first[:place] if place is not None else ():
        writer.paragraph(" | ".join(filter(None, caption)))
    if header is not None:
        first = first[(place or 0) + 1 :]
        writer.line(" | ".join(filter(None, header)))
    elif above is not None and 1 < max(map(len, first), default=0) <= len(above):
        header = above
    for batch in (first, rows):
        for row in batch:
            writer.line(_as_line(row, header))
    return header


def is_value(cell: str) -> bool:
    """Tell whether a cell holds a number, a date or an address, which name no column."""
    return bool(_VALUE.match(cell) or _ADDRESS.match(cell))


def _header_place(rows: Sequence[Sequence[str]]) -> int | None:
    """Return which of the first rows names the columns; those before it are captions."""
    for place, row in enumerate(rows[:_MOST_CAPTIONS]):
        following = rows[place + 1] if place + 1 < len(rows) else ()
        named = _count(row) + (not row[0])  # the corner of a table may be empty
        if named < min(_count(following), 3) or (
            2 * _count(row) < _count(following) and not any(map(is_value, following))
        ):
            continue  # a title, a unit, a period above the names
        return place if names_columns(rows[place:]) else None
    return None


def _count(row: Sequence[str]) -> int:
    return sum(map(bool, row))


def names_columns(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row names the columns: short different words, no values but years.

    Args:
        rows: of cells, an empty one is "".
    """
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    names = [name for name in rows[0] if name]
    if len(names) < max(2, 0.6 * len(rows[0])) or len(set(map(str.casefold, names))) < len(names):
        return False
    values = [name for name in names if is_value(name)]
    if any(len(name) > _LONGEST_HEADER for name in names) or not all(map(_PERIOD.match, values)):
        return False
    # Years name columns of other numbers, and a row of nothing but years is one of values.
    if len(values) == len(rows[0]) or (values and not any(map(is_value, chain(*rows[1:])))):
        return False
    # A name that comes back in its own column is a value.
    columns = min(len(rows[0]), *(len(row) for row in rows[1:]))
    return not any(row[i] and row[i] == rows[0][i] for row in rows[1:] for i in range(columns))


def _as_line(row: Sequence[str], header: Sequence[str] | None) -> str:
    """Return "Name: value; Name: value"; without names "value | value"."""
    if header is None:
        return as_row(row)
    named = []
    for place, cell in enumerate(row):
        name = header[place] if place < len(header) else ""
        if cell:
            named.append(f"{name}: {cell}" if name else cell)
    return "; ".join(named)
