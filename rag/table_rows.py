"""The rows of tables inside a text, and how one of them reads by itself: "Level: L3 · Days: 25"."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from documents.extraction.tables import names_columns

SEPARATOR = " \u00b7 "
_BAR = " | "
_LINE = re.compile(r"\S[^\n]*")
_HAS_DIGIT = re.compile(r"\d")
# "Level 1" and "2024" may name a column; "30 days" does not.
_NUMBERED_NAME = re.compile(r"(?:19|20)\d\d(?:\s*[-/\u2013]\s*\d{2,4})?|[A-Za-z][^\d]{0,20}\d{1,2}")
_LONGEST_NAME = 80
# In a table of two columns the first row names them where most of the second column are numbers.
_MOSTLY = 0.65
_LONGEST_ROW_NAME = 80
# A row that names each of its cells: "Benefit: Training; Amount: 1,200 euros".
_NAMED_CELL = re.compile(r"(?:^|(?<=; ))([^:;|\n]{1,80}): ")


@dataclass(frozen=True)
class TableRow:
    """A line of a table.

    Attributes:
        start, end: characters into the text.
        cells: span of each cell.
        names: of its columns, as many as there are cells; empty where they are not known.
        is_head: whether it names the columns itself.
        above: what stands above the row on a line of its own, where a page was printed so.
    """

    start: int
    end: int
    cells: tuple[tuple[int, int], ...]
    names: tuple[str, ...] = ()
    is_head: bool = False
    above: str = ""

    def readable(self, text: str, start: int, end: int) -> str:
        """Return what stands of the row in a span, so that it can be understood alone.

        Each cell comes with its column's name, and the row's first cell always.

        Args:
            text: the one that the row was found in.
        """
        said: list[str] = [self.above] if self.above else []
        for place, (first, last) in enumerate(self.cells):
            cell = text[max(first, start) : min(last, end)].strip(" |")
            if not cell and place == 0:
                cell = text[first:last][:_LONGEST_ROW_NAME]
            if not cell or cell == "-":
                continue
            name = self.names[place] if self.names else ""
            said.append(f"{name.removesuffix(':')}: {cell}" if name else cell)
        if len(said) == 2 and not any(self.names):
            return f"{said[0].removesuffix(':')}: {said[1]}"
        return SEPARATOR.join(said)


@dataclass
class _Table:
    rows: list[tuple[int, int]] = field(default_factory=list)
    above: dict[int, str] = field(default_factory=dict)


def find_rows(text: str) -> list[TableRow]:
    """Return the rows of all tables, in order."""
    rows = [row for table in _tables(text) for row in _rows(text, table)]
    return sorted([*rows, *_records(text)], key=lambda row: row.start)


def row_at(rows: Sequence[TableRow], place: int) -> TableRow | None:
    """Return the row that a character stands in."""
    index = bisect_right(rows, place, key=lambda row: row.start) - 1
    return rows[index] if index >= 0 and place < rows[index].end else None


def lead_of(text: str, start: int) -> str:
    """Return what a reader of text[start:] lacks of the table that it begins inside of.

    That is the table's first row, and the beginning of a row that is cut.
    """
    line, end = _line_around(text, start)
    if _BAR not in text[line:end]:
        if _is_record(text, line, end):
            return text[line:start]
        if not is_label(text[line:end]):
            return ""
    table = next((t for t in _tables(text) if t.rows[0][0] < start <= t.rows[-1][1]), None)
    if table is None:
        return ""
    first = text[slice(*table.rows[0])]
    return f"{first}\n{text[line:start]}" if table.rows[0][0] < line else text[line:start]


def may_begin_inside(content: str) -> bool:
    """Tell whether a passage may begin inside of a table, by its first lines."""
    first, _, rest = content.lstrip().partition("\n")
    if _BAR in first or content.startswith("| ") or ("; " in first and ": " in first):
        return True
    return is_label(first) and _BAR in rest.lstrip().partition("\n")[0]


def share_of_rows(text: str) -> float:
    """Return how much of a text are lines that look like rows, those that are cut too."""
    rows = [
        line[0]
        for line in _LINE.finditer(text)
        if _BAR in line[0] or line[0].count("; ") <= 2 * len(_NAMED_CELL.findall(line[0])) > 2
    ]
    return sum(map(len, rows)) / max(1, len(text))


def is_label(line: str) -> bool:
    """Tell whether a line may name the row that stands below it."""
    return 0 < len(line.strip()) <= _LONGEST_ROW_NAME and line.strip()[-1] not in ".!?:;"


def _line_around(text: str, place: int) -> tuple[int, int]:
    end = text.find("\n", place)
    return text.rfind("\n", 0, place) + 1, len(text) if end < 0 else end


def _records(text: str) -> Iterator[TableRow]:
    """Yield the rows that name their cells, each beside another of the same table."""
    for line in _LINE.finditer(text):
        start, end = line.span()
        if not _is_record(text, start, end):
            continue
        named = list(_NAMED_CELL.finditer(text[start:end]))
        ends = [start + cell.start() - 2 for cell in named[1:]]
        cells = tuple(
            (start + cell.end(), stop) for cell, stop in zip(named, [*ends, end], strict=True)
        )
        yield TableRow(start, end, cells, tuple(cell[1].strip() for cell in named))


def _is_record(text: str, start: int, end: int) -> bool:
    line = text[start:end]
    if _BAR in line or len(_NAMED_CELL.findall(line)) < 2:
        return False
    opening = line[: line.index(": ") + 2]
    before = text[text.rfind("\n", 0, max(0, start - 1)) + 1 : start]
    return before.startswith((opening, f"{opening[:-2]}{_BAR}")) or text.startswith(
        opening, end + 1
    )


def _tables(text: str) -> Iterator[_Table]:
    """Yield runs of lines with bars."""
    table, after = _Table(), 0
    loose: list[str] = []  # other lines since the last row
    for line in _LINE.finditer(text):
        if _BAR not in line[0]:
            loose.append(line[0].strip())
            continue
        start, end = line.start(), line.end()
        if table.rows and not _goes_on(text, table, (start, end), after, loose):
            yield table
            table = _Table()
        if table.rows and loose:
            table.above[start] = loose[0]
        table.rows.append((start, end))
        loose, after = [], end
    if table.rows:
        yield table


def _goes_on(
    text: str, table: _Table, row: tuple[int, int], after: int, loose: Sequence[str]
) -> bool:
    """Tell whether a row belongs to the table above it, also where blank lines are printed."""
    if not loose and "\n\n" not in text[after : row[0]]:
        return True
    first, cells = _cells(text, *table.rows[0]), _cells(text, *row)
    is_labelled = len(loose) <= 1 and all(map(is_label, loose))
    has_value = any(_HAS_DIGIT.search(text, *cell) for cell in cells)
    return is_labelled and has_value and 0 <= len(cells) - len(first) <= 1 < len(first)


def _rows(text: str, table: _Table) -> Iterator[TableRow]:
    spans = [_cells(text, *row) for row in table.rows]
    texts = [["" if text[a:b] == "-" else text[a:b] for a, b in cells] for cells in spans]
    below = text[table.rows[-1][1] :].lstrip()
    # Below it rows may follow that name each cell themselves.
    goes_on = not below or below.startswith(f"{texts[0][0]}: ")
    is_headed = _names_columns(texts, goes_on=goes_on)
    head = tuple(texts[0]) if is_headed and _tells_columns(texts) else ()
    for place, ((start, end), cells) in enumerate(zip(table.rows, spans, strict=True)):
        is_head = is_headed and place == 0
        names = () if is_head else _aligned(head, len(cells))
        yield TableRow(start, end, tuple(cells), names, is_head, table.above.get(start, ""))


def _cells(text: str, start: int, end: int) -> list[tuple[int, int]]:
    cells = []
    while (bar := text.find(_BAR, start, end)) >= 0:
        cells.append((start, bar))
        start = bar + len(_BAR)
    return [*cells, (start, end)]


def _names_columns(rows: Sequence[Sequence[str]], *, goes_on: bool) -> bool:
    """Tell whether the first row names the columns.

    Args:
        goes_on: whether other rows may follow that are not among these.
    """
    if not all(map(_may_name, rows[0])):
        return False
    return goes_on if len(rows) == 1 else names_columns(rows)


def _may_name(cell: str) -> bool:
    is_plain = not _HAS_DIGIT.search(cell) or _NUMBERED_NAME.fullmatch(cell) is not None
    return is_plain and len(cell) <= _LONGEST_NAME


def _tells_columns(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the names of the columns are worth repeating, and surely no row themselves.

    "Name | Ada" above "Born | 1815" are two rows of equal rank.
    """
    if len(rows[0]) > 2:
        return True
    values = [bool(_HAS_DIGIT.search(row[1])) for row in rows[1:] if len(row) == 2]
    return bool(values) and sum(values) >= _MOSTLY * len(values)


def _aligned(head: tuple[str, ...], cells: int) -> tuple[str, ...]:
    if len(head) == cells - 1:
        return ("", *head)  # the corner above the names of rows is empty
    return head[:cells] if cells <= len(head) else ()
