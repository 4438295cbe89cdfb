"""Collects a document's blocks in reading order and lays them out as pages of bounded length."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field

from documents.extraction.base import (
    Attachment,
    ExtractedDocument,
    ExtractedPage,
    Heading,
    Limits,
)
from documents.extraction.cleaning import clean_characters, squeeze, tidy_lines
from documents.extraction.errors import empty, too_many_characters, too_many_pages

PART_CHARACTERS = 20_000
"""A format without pages is cut into parts of at most so many characters, which a person can read
on one screen page and a citation can point into."""
SHEET_CHARACTERS = 100_000
"""What has pages of its own that may be long (sheets, chapters) is only cut from here on, so that
the numbers stay the file's."""


@dataclass
class _Part:
    """The page being written."""

    pieces: list[str] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    length: int = 0


class DocumentWriter:
    """Builds an `ExtractedDocument` block by block.

    Args:
        limits: how much the document may give.
        part_characters: longest page.
    """

    def __init__(self, limits: Limits, *, part_characters: int = PART_CHARACTERS) -> None:
        self._limits = limits
        self._longest = part_characters
        self._pages: list[ExtractedPage] = []
        self._part = _Part()
        self._waiting: list[tuple[str, int]] = []  # headings not yet followed by text
        self._characters = 0
        self._warnings: list[str] = []
        self._apart = False

    def heading(self, text: str, level: int) -> None:
        """Add a heading; it goes to the page of the text that follows it."""
        title = squeeze(text)
        if title:
            self._count(title)
            self._waiting.append((title, max(1, level)))

    def paragraph(self, text: str) -> None:
        """Add text that stands apart; its own line ends are kept."""
        self._add(tidy_lines(text), "\n\n")

    def line(self, text: str, *, indent: int = 0) -> None:
        """Add a line that belongs with the one before: a list item, a row."""
        tidy = tidy_lines(text)
        self._add(" " * (2 * indent) + tidy if tidy else "", "\n")

    def rows(self, rows: Iterable[str]) -> None:
        """Add a table, one line a row."""
        gap = "\n\n"
        for row in rows:
            if row:
                self._add(tidy_lines(row), gap)
                gap = "\n"

    def gap(self) -> None:
        """Set what follows apart from what was written."""
        self._apart = True

    def verbatim(self, text: str) -> None:
        """Add code: a block whose indents are kept."""
        lines = [clean_characters(line.expandtabs(4)).rstrip() for line in text.splitlines()]
        self._add("\n".join(lines).strip("\n"), "\n\n")

    def end_page(self) -> None:
        """End the page here, though nothing may have been written on it."""
        self._flush_headings()
        self._close()

    def warn(self, sentence: str) -> None:
        """Tell the user what of the file could not be read, once."""
        if sentence not in self._warnings:
            self._warnings.append(sentence)

    def document(
        self,
        title: str = "",
        *,
        attachments: Iterable[Attachment] = (),
        dated_on: datetime.date | None = None,
    ) -> ExtractedDocument:
        """Return what was written.

        Raises:
            ExtractionError: nothing but blanks.
        """
        self._flush_headings()
        if self._part.pieces or not self._pages:
            self._close()
        if not any(page.text for page in self._pages):
            raise empty()
        return ExtractedDocument(
            tuple(self._pages),
            squeeze(title)[:255],
            tuple(self._warnings),
            tuple(attachments),
            dated_on=dated_on,
        )

    def _add(self, text: str, gap: str) -> None:
        if not text.strip():
            return
        self._count(text)
        ahead = sum(len(title) + 2 for title, _ in self._waiting)
        if self._part.length + ahead + len(text) + len(gap) > self._longest and self._part.pieces:
            self._close()
        gap = "\n\n" if self._waiting or self._apart else gap
        self._apart = False
        self._flush_headings()
        for piece in _pieces(text, self._longest):
            if self._part.length + len(piece) + len(gap) > self._longest and self._part.pieces:
                self._close()
            self._append(piece, gap)

    def _flush_headings(self) -> None:
        for title, level in self._waiting:
            for piece in _pieces(title, self._longest):
                if self._part.length + len(piece) + 2 > self._longest and self._part.pieces:
                    self._close()
                offset = self._append(piece, "\n\n")
                self._part.headings.append(Heading(offset, level, piece[:300]))
        self._waiting.clear()

    def _append(self, text: str, gap: str) -> int:
        if self._part.pieces:
            self._part.pieces.append(gap)
            self._part.length += len(gap)
        offset = self._part.length
        self._part.pieces.append(text)
        self._part.length += len(text)
        return offset

    def _close(self) -> None:
        if len(self._pages) >= self._limits.pages:
            raise too_many_pages(self._limits.pages)
        text = "".join(self._part.pieces)
        number = len(self._pages) + 1
        self._pages.append(ExtractedPage(number, text, tuple(self._part.headings)))
        self._part = _Part()

    def _count(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > self._limits.characters:
            raise too_many_characters(self._limits.characters)


def _pieces(text: str, size: int) -> list[str]:
    """Cut a block that is longer than a part: at a line end, else a sentence, a word, anywhere."""
    pieces = []
    start = 0
    while len(text) - start > size:
        end = _cut(text, start, start + size)
        pieces.append(text[start:end].strip("\n "))
        start = end
    pieces.append(text[start:].strip("\n") if pieces else text)
    return [piece for piece in pieces if piece.strip()]


def _cut(text: str, start: int, limit: int) -> int:
    for mark in ("\n", ". ", "。", " "):
        found = text.rfind(mark, start + (limit - start) // 2, limit)
        if found > 0:
            return found + len(mark)
    return limit
