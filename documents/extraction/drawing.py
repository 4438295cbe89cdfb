"""Text of Office drawings (DrawingML): paragraphs, tables, charts, diagrams."""

from collections.abc import Iterator

from lxml import etree

from documents.extraction.cleaning import squeeze
from documents.extraction.elements import attribute, child, name_of
from documents.extraction.rows import as_row
from documents.extraction.writer import DocumentWriter

_MOST_POINTS = 5_000
_BULLETS = ("buChar", "buAutoNum", "buBlip")


def paragraph_text(paragraph: etree._Element) -> str:
    """Return the text of a paragraph, line breaks kept."""
    pieces: list[str] = []
    for element in paragraph.iterdescendants():
        name = name_of(element)
        if name == "t":
            pieces.append(element.text or "")
        elif name == "br":
            pieces.append("\n")
        elif name == "tab":
            pieces.append("\t")
    return "".join(pieces)


def text_of(element: etree._Element) -> str:
    """Return all text below an element on one line."""
    paragraphs = (found for found in element.iterdescendants() if name_of(found) == "p")
    return squeeze(" ".join(map(paragraph_text, paragraphs)))


def write_paragraphs(writer: DocumentWriter, body: etree._Element, *, listed: bool) -> None:
    """Write the paragraphs of a text body.

    Args:
        writer: where to.
        body: a `txBody`.
        listed: whether its paragraphs have bullets unless they say otherwise.
    """
    for paragraph in body:
        if name_of(paragraph) != "p":
            continue
        text = paragraph_text(paragraph)
        properties = child(paragraph, "pPr")
        level = _number(attribute(properties, "lvl")) if properties is not None else 0
        marks = {name_of(mark) for mark in (properties if properties is not None else ())}
        bulleted = not marks.isdisjoint(_BULLETS) or (listed and "buNone" not in marks)
        if not text.strip():
            continue
        if bulleted:
            writer.line(f"- {text.strip()}", indent=min(level, 8))
        else:
            writer.paragraph(text)


def write_table(writer: DocumentWriter, table: etree._Element) -> None:
    """Write a table (`a:tbl`), a cell over several rows or columns where it begins."""
    rows = [row for row in table if name_of(row) == "tr"]
    above: dict[int, str] = {}
    lines = []
    for row in rows:
        cells = [cell for cell in row if name_of(cell) == "tc"]
        for column, cell in enumerate(cells):
            if attribute(cell, "hMerge") in ("1", "true"):
                above[column] = ""
            elif attribute(cell, "vMerge") not in ("1", "true"):
                above[column] = text_of(cell)
        lines.append(as_row([above.get(column, "") for column in range(len(cells))]))
    writer.rows(lines)


def write_chart(writer: DocumentWriter, root: etree._Element) -> None:
    """Write a chart's title, and its numbers as a table with a row for each category."""
    title = child(root, "chart", "title")
    if title is not None and (text := text_of(title)):
        writer.paragraph(text)
    series = list(root.iterdescendants("{*}ser"))
    names = [_series_name(found, number) for number, found in enumerate(series, start=1)]
    values = [_points(found, "val", "yVal") for found in series]
    labels = next(filter(None, (_points(found, "cat", "xVal") for found in series)), {})
    places = sorted({place for points in [labels, *values] for place in points})[:_MOST_POINTS]
    if places:
        rows = [as_row(["", *names])]
        for place in places:
            label = labels.get(place, str(place + 1))
            rows.append(as_row([label, *(points.get(place, "") for points in values)]))
        writer.rows(rows)


def write_diagram(writer: DocumentWriter, root: etree._Element) -> None:
    """Write the texts of a diagram (SmartArt), a line each."""
    for point in root.iterdescendants("{*}pt"):
        if attribute(point, "type") in ("", "node") and (text := text_of(point)):
            writer.line(f"- {text}")


def _series_name(series: etree._Element, number: int) -> str:
    name = child(series, "tx")
    texts = [] if name is None else [v.text or "" for v in name.iterdescendants("{*}v")]
    return squeeze(" ".join(texts)) or f"Series {number}"


def _points(series: etree._Element, *names: str) -> dict[int, str]:
    """Return the values that a chart was drawn with: place -> text."""
    holder = next(filter(lambda found: found is not None, (child(series, n) for n in names)), None)
    points: dict[int, str] = {}
    for point in _iterate(holder, "pt"):
        value = child(point, "v")
        if value is not None and len(points) < _MOST_POINTS:
            points[_number(attribute(point, "idx"))] = _short(squeeze(value.text or ""))
    return points


def _iterate(element: etree._Element | None, name: str) -> Iterator[etree._Element]:
    if element is not None:
        yield from element.iterdescendants(f"{{*}}{name}")


def _short(number: str) -> str:
    """Return a number without the digits that binary fractions leave behind."""
    try:
        return f"{float(number):.10g}" if len(number) > 10 else number
    except ValueError:
        return number


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
