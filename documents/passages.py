"""Splits the text of a page around the span that a citation points at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MarkedText:
    """A page's text in three parts; without a passage all of it is in `before`."""

    before: str
    passage: str = ""
    after: str = ""


def mark(text: str, start: str | None, end: str | None) -> MarkedText:
    """Return the text split at a span given by whoever wrote the address: anything may come.

    Args:
        text: the page's text.
        start, end: characters into the text, end exclusive, as they stand in the query string.
    """
    first, last = _position(start, text), _position(end, text)
    if first is None or last is None or first >= last:
        return MarkedText(text)
    return MarkedText(text[:first], text[first:last], text[last:])


def _position(value: str | None, text: str) -> int | None:
    """Return the value as a position inside the text; None when it is no number."""
    if not value or not (value.isascii() and value.isdigit()) or len(value) > 12:
        return None
    return min(int(value), len(text))
