"""Writes a spreadsheet's rows: tables that empty rows or columns part are told apart."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice

from documents.extraction.tables import is_value, write_table
from documents.extraction.writer import DocumentWriter

_BLOCK_ROWS = 500
"""A block of more rows is one table; of fewer, tables may stand side by side in it."""
_HEADER_ROWS = 4


@dataclass(frozen=True)
class Row:
    """A row that is shown: its number from 1, and the texts of its cells by column from 0."""

    number: int
    cells: dict[int, str]


def write_sheet(writer: DocumentWriter, name: str, rows: Iterable[Row]) -> bool:
    """Write a sheet under its name as heading; return whether there was anything in it."""
    headers: dict[int, Sequence[str]] = {}  # of the tables above, by first column
    written = False
    held: list[Row] = []  # what may be the header of the next block, after an empty row
    for block in _blocks(rows):
        if not written:
            writer.heading(name, 1)
            written = True
        first = list(islice(block, _BLOCK_ROWS))
        if held and not _belongs(held, first):
            _write_block(writer, held, (), headers)
            held = []
        first = held + first
        held = first if not held and _may_be_header(first) else []
        if not held:
            _write_block(writer, first, block, headers)
    if held:
        _write_block(writer, held, (), headers)
    return written


def _blocks(rows: Iterable[Row]) -> Iterator[Iterator[Row]]:
    """Yield the runs of rows between empty ones; take each before the next."""
    for _, run in groupby(_numbered(rows), key=lambda numbered: numbered[0]):
        yield (row for _, row in run)


def _numbered(rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
    run, last = 0, 0
    for row in rows:
        if row.cells:
            run += row.number != last + 1
            last = row.number
            yield run, row


def _may_be_header(rows: Sequence[Row]) -> bool:
    """Tell whether these are a few rows of words, some of them beside each other."""
    if len(rows) > _HEADER_ROWS or all(len(row.cells) < 2 for row in rows):
        return False
    return not any(is_value(text) for row in rows for text in row.cells.values())


def _belongs(header: Sequence[Row], rows: Sequence[Row]) -> bool:
    """Tell whether rows stand in the columns of a header, and hold values."""
    named = {column for row in header for column in row.cells}
    used = {column for row in rows for column in row.cells}
    outside = used - named
    return len(outside) <= 1 and any(is_value(text) for row in rows for text in row.cells.values())


def _write_block(
    writer: DocumentWriter,
    first: Sequence[Row],
    rest: Iterable[Row],
    headers: dict[int, Sequence[str]],
) -> None:
    whole = len(first) < _BLOCK_ROWS
    for columns in _tables(first) if whole else [None]:
        lines = _lines(chain(first, rest), columns)
        place = min(min(row.cells) for row in first) if columns is None else columns[0]
        header = write_table(writer, lines, above=headers.get(place))
        if header is not None:
            headers[place] = header
        writer.gap()


def _tables(rows: Sequence[Row]) -> list[list[int]]:
    """Return the columns of each table: runs of those in which these rows hold anything."""
    used = sorted({column for row in rows for column in row.cells})
    tables = [[used[0]]]
    for column in used[1:]:
        if column == tables[-1][-1] + 1:
            tables[-1].append(column)
        else:
            tables.append([column])
    if any(len(table) == 1 for table in tables) or not _stand_alone(rows, tables):
        return [used]  # a column is left empty for the looks
    return tables


def _stand_alone(rows: Sequence[Row], tables: Sequence[Sequence[int]]) -> bool:
    """Tell whether each table begins with words of its own, as the left columns of one do."""
    return all(
        any(table[0] in row.cells and not is_value(row.cells[table[0]]) for row in rows[1:])
        for table in tables
    )


def _lines(rows: Iterable[Row], columns: Sequence[int] | None) -> Iterator[list[str]]:
    """Yield the cells of rows in some columns, None for all that a row has."""
    for row in rows:
        if columns is None:
            cells = [row.cells.get(column, "") for column in range(max(row.cells) + 1)]
        else:
            cells = [row.cells.get(column, "") for column in columns]
        if any(cells):
            yield cells
