"""Cuts pages into overlapping chunks at sentence ends; never across pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from documents.extraction.base import ExtractedPage


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


def chunk_pages(pages: Sequence[ExtractedPage], *, size: int, overlap: int) -> list[Chunk]:
    """Cut each page into chunks of at most `size` characters that overlap by about `overlap`."""
    raise NotImplementedError
