"""How the row of a table is written as one line."""

from collections.abc import Sequence


def as_row(cells: Sequence[str]) -> str:
    """Return "a | b | c"; "-" keeps the place of an empty cell between others."""
    last = max((place for place, cell in enumerate(cells) if cell), default=-1)
    return " | ".join(cell or "-" for cell in cells[: last + 1])
