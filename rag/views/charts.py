"""Charts as plain numbers for SVG: no script draws them, and a table says the same."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 160
_GAP = 0.25  # of a column's width


@dataclass(frozen=True)
class Column:
    """One day: where its bar stands, in units of the drawing, and what it says."""

    day: datetime.date
    x: float
    y: float
    width: float
    height: float
    value: int

    @property
    def value_text(self) -> str:
        return f"{self.value:,}"


@dataclass(frozen=True)
class DayChart:
    """Bars of a range of days, days without anything included.

    Attributes:
        most: the highest value.
    """

    columns: Sequence[Column]
    most: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def most_text(self) -> str:
        return f"{self.most:,}"

    @property
    def first(self) -> datetime.date:
        return self.columns[0].day

    @property
    def last(self) -> datetime.date:
        return self.columns[-1].day


def day_chart(
    values: Mapping[datetime.date, int], start: datetime.date, end: datetime.date
) -> DayChart:
    """Return the bars from `start` to `end`, both included."""
    days = [start + datetime.timedelta(days=n) for n in range((end - start).days + 1)]
    most = max((values.get(day, 0) for day in days), default=0)
    step = WIDTH / len(days)
    columns = []
    for place, day in enumerate(days):
        value = values.get(day, 0)
        height = round(HEIGHT * value / most, 1) if most else 0.0
        if value:
            height = max(height, 2.0)  # little is more than nothing
        columns.append(
            Column(
                day=day,
                x=round(place * step + step * _GAP / 2, 2),
                y=round(HEIGHT - height, 1),
                width=round(step * (1 - _GAP), 2),
                height=height,
                value=value,
            )
        )
    return DayChart(columns, most)


@dataclass(frozen=True)
class Share:
    """A row of a table with a bar: its name, its share of the greatest row in percent."""

    name: str
    percent: float
    row: object


def shares(rows: Sequence[tuple[str, float, object]]) -> list[Share]:
    """Return rows of (name, size, row) with their size against the greatest one."""
    most = max((size for _, size, _ in rows), default=0)
    return [
        Share(name, round(100 * size / most, 1) if most else 0.0, row) for name, size, row in rows
    ]
