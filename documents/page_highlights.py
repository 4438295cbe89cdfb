"""Finds a span of a page's stored text among the printed characters, and the boxes to draw there.

The stored text is not what is printed: lines are joined, broken words whole, headers dropped and
ligatures spelt out. So both are compared letter by letter, without what such changes touch.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from documents.extraction.page_layout import Box, PageLayout

# Cell borders and bullets, which extraction rewrites.
_DROPPED = frozenset("|*•●○◦▪▫■□‣⁃∙·")  # noqa: RUF001
_LONGEST_TEXT = 100_000  # characters of a page, above which nothing is looked for
_SEED = 6  # letters
_PLACES_A_SEED = 32
_MOST_OCCURRENCES = 200
_CONTEXT = 100  # letters on each side that tell two occurrences apart
_ENOUGH = 0.6  # share of the span's letters
_SHORT_GAP = 12  # letters between two found pieces that belong to the passage too
_END = 3  # letters by which the rest of an end is known
_MOST_RECTANGLES = 400


@dataclass(frozen=True)
class Rectangle:
    """A box on the page as it is shown, in points from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class _Letters:
    """What is compared of a text, and the character that each letter comes from."""

    text: str
    origins: Sequence[int]


def highlight(layout: PageLayout, text: str, start: int, end: int) -> tuple[Rectangle, ...]:
    """Return where the span is printed, line by line; nothing where it can't be told.

    Args:
        layout: the page as it is printed.
        text: the page's stored text.
        start, end: the span, in characters of the text, end exclusive.
    """
    if len(text) > _LONGEST_TEXT:
        return ()
    stored, printed = _letters(text), _letters(layout.text)
    first = sum(origin < start for origin in stored.origins)
    last = sum(origin < end for origin in stored.origins)
    if first == last:
        return ()
    runs = _exact(stored.text, first, last, printed.text) or _pieces(
        stored.text[first:last], printed.text
    )
    boxes = [
        layout.boxes[place]
        for run in runs
        for place in range(printed.origins[run.start], printed.origins[run.stop - 1] + 1)
        if _has_area(layout.boxes[place])
    ]
    return tuple(_rectangles(boxes, layout))[:_MOST_RECTANGLES]


def _letters(text: str) -> _Letters:
    letters: list[str] = []
    origins: list[int] = []
    for place, character in enumerate(text):
        for letter in _parts(character):
            letters.append(letter)
            origins.append(place)
    return _Letters("".join(letters), origins)


def _parts(character: str) -> str:
    """Return what a character is compared by: nothing of a blank, "ffi" of the ligature."""
    if character.isascii():
        return character if character.isprintable() and character not in " -|*" else ""
    return "".join(
        part
        for part in unicodedata.normalize("NFKD", character)
        if part not in _DROPPED and unicodedata.category(part)[0] not in "MZC"
        and unicodedata.category(part) != "Pd" and part != "-"
    )  # fmt: skip


def _exact(stored: str, first: int, last: int, printed: str) -> list[range]:
    """Return the occurrence of the span whose surroundings fit best, if there is any."""
    span = stored[first:last]
    places: list[int] = []
    place = printed.find(span)
    while place >= 0 and len(places) < _MOST_OCCURRENCES:
        places.append(place)
        place = printed.find(span, place + 1)
    if not places:
        return []
    expected = first / len(stored) * len(printed)

    def fit(place: int) -> tuple[int, float]:
        before = _common(stored[max(0, first - _CONTEXT) : first][::-1],
                         printed[max(0, place - _CONTEXT) : place][::-1])  # fmt: skip
        end = place + len(span)
        after = _common(stored[last : last + _CONTEXT], printed[end : end + _CONTEXT])
        return before + after, -abs(place - expected)

    best = max(places, key=fit)
    return [range(best, best + len(span))]


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    length = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        length += 1
    return length


def _pieces(span: str, printed: str) -> list[range]:
    """Return where the pieces of a span are that is not printed in one piece.

    Lines may have been put in another order, words spelt out, headers between them dropped.
    """
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place in range(len(printed) - _SEED + 1):
        found = places[printed[place : place + _SEED]]
        if len(found) < _PLACES_A_SEED:
            found.append(place)
    runs: list[range] = []
    at = covered = end = 0
    begin = -1
    while at <= len(span) - _SEED:
        candidates = places.get(span[at : at + _SEED], ())
        if not candidates:
            at += 1
            continue
        goes_on = runs[-1].stop if runs else 0
        length, _, place = max(
            (_common(span[at:], printed[place:]), -abs(place - goes_on), place)
            for place in candidates
        )
        runs.append(range(place, place + length))
        begin = at if begin < 0 else begin
        at = end = at + length
        covered += length
    if covered < _ENOUGH * len(span):
        return []
    return _with_ends(_closed(runs), span[:begin], span[end:], printed)


def _with_ends(runs: list[range], head: str, tail: str, printed: str) -> list[range]:
    """Add a few letters at both ends, which something unlike the span parts from the pieces."""
    first = runs[0]
    if 0 < len(head) <= _SHORT_GAP:
        place = printed.rfind(head[:_END], max(0, first.start - _SHORT_GAP), first.start)
        runs[0] = range(place if place >= 0 else first.start, first.stop)
    last = runs[-1]
    if 0 < len(tail) <= _SHORT_GAP:
        place = printed.find(tail[-_END:], last.stop, last.stop + _SHORT_GAP)
        runs[-1] = range(last.start, place + len(tail[-_END:]) if place >= 0 else last.stop)
    return runs


def _closed(runs: Sequence[range]) -> list[range]:
    """Join pieces between which a few letters differ."""
    joined = list(runs[:1])
    for run, following in pairwise(runs):
        if 0 <= following.start - run.stop <= _SHORT_GAP:
            joined[-1] = range(joined[-1].start, following.stop)
        else:
            joined.append(following)
    return joined


def _has_area(box: Box) -> bool:
    return box[2] > box[0] and box[3] > box[1]


def _rectangles(boxes: Iterable[Box], layout: PageLayout) -> Iterator[Rectangle]:
    """Yield a rectangle for each line of characters, as far as it is on the page."""
    line: Box | None = None
    last: Box | None = None
    for box in boxes:
        if line is not None and last is not None and _beside(last, box):
            line = (
                *(min(line[0], box[0]), min(line[1], box[1])),
                *(max(line[2], box[2]), max(line[3], box[3])),
            )
        else:
            yield from _clipped(line, layout)
            line = box
        last = box
    yield from _clipped(line, layout)


def _beside(box: Box, following: Box) -> bool:
    """Tell whether two characters stand in one line, which may run upwards."""
    height = min(box[3] - box[1], following[3] - following[1])
    width = min(box[2] - box[0], following[2] - following[0])
    level = min(box[3], following[3]) - max(box[1], following[1])
    over = min(box[2], following[2]) - max(box[0], following[0])
    # An overlap is positive, a gap negative.
    return (level >= 0.5 * height and over >= -2 * height) or (
        over >= 0.5 * width and level >= -0.5 * width
    )


def _clipped(box: Box | None, layout: PageLayout) -> Iterator[Rectangle]:
    if box is None:
        return
    left, top = max(0.0, box[0]), max(0.0, box[1])
    right, bottom = min(layout.width, box[2]), min(layout.height, box[3])
    if right - left >= 0.1 and bottom - top >= 0.1:
        yield Rectangle(
            round(left, 1), round(top, 1), round(right - left, 1), round(bottom - top, 1)
        )
