"""Cuts pages into overlapping chunks at sentence ends; never across pages."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from documents.extraction.base import ExtractedPage, Heading
from documents.sentences import sentences

_CLAUSE_END = re.compile(r"[,;:)\]–—、，；：،؛|]\s|[、，；：،؛]")
_BLANK = re.compile(r"\s")
_LONGEST_PATH = 300
_FULL_ENOUGH = 0.6
"""The share of the size from which on a chunk ends before a heading, to hold one subject."""
_A_LITTLE_LESS = 0.9
"""Of the size that would fit if every character took as much room: some take more."""


@dataclass(frozen=True)
class Chunk:
    """A span of a page: `text == page.text[start:end]`.

    Attributes:
        index: from 0, over the whole document.
        page: number of the page.
        start, end: characters into the page's text, end exclusive.
        heading: path of the headings above it ("Travel > Expenses"), as far as it is known.
    """

    index: int
    page: int
    start: int
    end: int
    text: str
    heading: str = ""


Fullness = Callable[[Sequence[Chunk]], Sequence[float]]


class _Unit(NamedTuple):  # a large page has a million
    """A sentence, or a piece of one that is longer than a chunk: what is never cut again."""

    start: int
    end: int
    is_heading: bool


def chunk_pages(
    pages: Sequence[ExtractedPage], *, size: int, overlap: int, fullness: Fullness | None = None
) -> list[Chunk]:
    """Cut each page into chunks of at most `size` characters that overlap by at most `overlap`.

    Every character that is not blank is in a chunk. A chunk begins and ends with whole sentences
    where they fit, and a heading stays with the text that follows it.

    Args:
        pages: in order; headings reach over to the next pages.
        size: most characters of a chunk, at least 1.
        overlap: characters of the chunk before that are repeated, in whole sentences or words; at
            most half the size is.
        fullness: says for chunks which part of what may be embedded each takes; one that takes more
            than 1 is cut into smaller ones, at the same kinds of places.
    """
    if size < 1:
        raise ValueError("A chunk has at least one character.")
    overlap = max(0, min(overlap, size // 2))
    chunks: list[Chunk] = []
    path = _HeadingPath()
    for page in pages:
        path.open(page)
        cutter = _Cutter(page, path, overlap / size, fullness)
        chunks += cutter.cut(0, len(page.text), size)
        path.close()
    return [replace(chunk, index=index) for index, chunk in enumerate(chunks)]


class _Cutter:
    """Cuts one page, whose heading path is open."""

    def __init__(
        self, page: ExtractedPage, path: "_HeadingPath", overlap: float, fullness: Fullness | None
    ) -> None:
        self._page = page
        self._path = path
        self._overlap = overlap
        self._fullness = fullness

    def cut(self, start: int, end: int, size: int) -> list[Chunk]:
        """Return the chunks of a span, those that are too full cut again."""
        chunks = [
            self._chunk(*span)
            for span in _spans(self._page, (start, end), size, round(size * self._overlap))
        ]
        if self._fullness is None or not chunks:
            return chunks
        found: list[Chunk] = []
        for chunk, full in zip(chunks, self._fullness(chunks), strict=True):
            length = chunk.end - chunk.start
            if full <= 1 or length == 1:
                found.append(chunk)
            else:
                fitting = min(length - 1, int(length / full * _A_LITTLE_LESS))
                found += self.cut(chunk.start, chunk.end, max(1, fitting))
        return found

    def _chunk(self, start: int, new_from: int, end: int) -> Chunk:
        page = self._page
        return Chunk(0, page.number, start, end, page.text[start:end], self._path.at(new_from))


def _spans(
    page: ExtractedPage, within: tuple[int, int], size: int, overlap: int
) -> Iterator[tuple[int, int, int]]:
    """Yield start, first character of text that is new and no heading, and end of each chunk."""
    units = _units(page, within, size)
    first = 0
    start = units[0].start if units else 0
    while first < len(units):
        after = _pack(units, first, start, size)
        end = units[after - 1].end
        yield start, _first_text(units, first, after), end
        if after < len(units):
            earliest = max(end - overlap, units[after].end - size, units[first].start + 1)
            start = _overlap_start(page.text, units[first : after + 1], earliest)
        first = after


def _pack(units: Sequence[_Unit], first: int, start: int, size: int) -> int:
    """Return the unit before which a chunk ends that begins at `start` with this first new unit."""
    after = first + 1
    while after < len(units) and units[after].end - start <= size:
        begins_section = units[after].is_heading and not units[after - 1].is_heading
        if begins_section and units[after - 1].end - start >= _FULL_ENOUGH * size:
            return after
        after += 1
    if after == len(units):
        return after
    before_headings = after
    while before_headings > first and units[before_headings - 1].is_heading:
        before_headings -= 1
    return before_headings if before_headings > first else after


def _first_text(units: Sequence[_Unit], first: int, after: int) -> int:
    """Return where the text under the chunk's leading headings begins."""
    for unit in units[first:after]:
        if not unit.is_heading:
            return unit.start
    return units[after - 1].start


def _overlap_start(text: str, units: Sequence[_Unit], earliest: int) -> int:
    """Return where the next chunk begins, reaching back a little.

    Args:
        text: the page's.
        units: those of the chunk before, and the first new one.
        earliest: what the size, the overlap and progress allow.
    """
    *before, following = units
    if following.is_heading:
        return following.start  # a new subject; what stands before it belongs to another
    start = following.start
    for unit in reversed(before):
        if unit.start < earliest or unit.is_heading:
            break
        start = unit.start
    end = before[-1].end
    if start < following.start or earliest >= end:
        return start
    return _word_start(text, earliest, end, following.start)


def _word_start(text: str, earliest: int, end: int, otherwise: int) -> int:
    """Return the first beginning of a word in a span, as far back as is allowed."""
    blank = _BLANK.search(text, earliest - 1, end)
    if blank is None:
        return otherwise
    start = blank.end()
    while start < end and text[start].isspace():
        start += 1
    return start if start < end else otherwise


def _units(page: ExtractedPage, within: tuple[int, int], size: int) -> list[_Unit]:
    """Return the sentences of a span of the page, the longest ones in pieces."""
    lines = [(heading.offset, _line_end(page.text, heading)) for heading in page.headings]
    starts = [start for start, _ in lines]
    units = []
    for start, end in sentences(page.text, *within):
        place = bisect_right(starts, start) - 1
        is_heading = place >= 0 and start < lines[place][1]
        units += [_Unit(a, b, is_heading) for a, b in _pieces(page.text, start, end, size)]
    return units


def _line_end(text: str, heading: Heading) -> int:
    end = text.find("\n", heading.offset)
    return len(text) if end < 0 else end


def _pieces(text: str, start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut a sentence that is longer than a chunk: after a clause, else a word, else anywhere."""
    while end - start > size:
        cut = _cut(text, start, start + size)
        last = cut
        while last > start and text[last - 1].isspace():
            last -= 1
        yield start, last
        start = cut
        while start < end and text[start].isspace():
            start += 1
    yield start, end


def _cut(text: str, start: int, limit: int) -> int:
    """Return where to cut at the latest: in the second half of the span if that is possible."""
    half = start + (limit - start) // 2
    clauses = [found.end() for found in _CLAUSE_END.finditer(text, half, limit)]
    if clauses:
        return clauses[-1]
    if text[limit].isspace():
        return limit
    blanks = [found.end() for found in _BLANK.finditer(text, max(half, start + 1), limit)]
    return blanks[-1] if blanks else limit


class _HeadingPath:
    """The headings above a place, over all pages so far."""

    def __init__(self) -> None:
        self._above: list[Heading] = []
        self._offsets: list[int] = []
        self._paths: list[str] = [""]

    def open(self, page: ExtractedPage) -> None:
        """Begin a page: work out the path after each of its headings."""
        self._paths = [_as_text(self._above)]
        self._offsets = [heading.offset for heading in page.headings]
        for heading in page.headings:
            while self._above and self._above[-1].level >= heading.level:
                self._above.pop()
            self._above.append(heading)
            self._paths.append(_as_text(self._above))

    def at(self, offset: int) -> str:
        """Return the path at an offset of the open page."""
        return self._paths[bisect_right(self._offsets, offset)]

    def close(self) -> None:
        """End the page; its last headings hold for the next."""
        self._offsets, self._paths = [], [""]


def _as_text(headings: Sequence[Heading]) -> str:
    """Return "Travel > Expenses"; of a path that is too long the nearest headings stay."""
    titles = [heading.title for heading in headings]
    while len(titles) > 1 and len(" > ".join(titles)) > _LONGEST_PATH:
        titles.pop(0)
    path = " > ".join(titles)
    return path if len(path) <= _LONGEST_PATH else path[: _LONGEST_PATH - 1] + "…"
