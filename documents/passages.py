"""Splits the text of a page around the span that a citation points at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MarkedText:
    """A page's text in parts; without a citation all of it is in `before`.

    Attributes:
        lead, tail: the rest of the passage around what is cited.
        passage: what is cited: a sentence, or the whole passage.
    """

    before: str
    lead: str = ""
    passage: str = ""
    tail: str = ""
    after: str = ""


def mark(
    text: str, start: str | None, end: str | None, first: str | None = None, last: str | None = None
) -> MarkedText:
    """Return the text split at spans given by whoever wrote the address: anything may come.

    Args:
        text: the page's text.
        start, end: characters into the text, end exclusive, as they stand in the query string.
        first, last: the same of the passage around it; without them, or where they do not go
            around it, it is a passage by itself.
    """
    cited, around = _span_of(text, start, end), _span_of(text, first, last)
    if cited is None:
        return MarkedText(text)
    if around is None or around[0] > cited[0] or around[1] < cited[1]:
        around = cited
    return MarkedText(
        text[: around[0]],
        text[around[0] : cited[0]],
        text[cited[0] : cited[1]],
        text[cited[1] : around[1]],
        text[around[1] :],
    )


def _span_of(text: str, start: str | None, end: str | None) -> tuple[int, int] | None:
    """Return the span inside the text that two values name; None where they name none."""
    first, last = _position(start, text), _position(end, text)
    if first is None or last is None or first >= last:
        return None
    return first, last


def _position(value: str | None, text: str) -> int | None:
    """Return the value as a position inside the text; None when it is no number."""
    if not value or not (value.isascii() and value.isdigit()) or len(value) > 12:
        return None
    return min(int(value), len(text))
