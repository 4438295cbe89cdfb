"""Lays out the words that Tesseract has found on a page as paragraphs and rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from documents.extraction.cleaning import tidy_lines
from documents.extraction.text import unwrap

_COLUMNS = 12
"""level, page, block, paragraph, line, word, left, top, width, height, confidence, text."""
_WORD_LEVEL = "5"
_LEAST_CONFIDENCE = 25.0
"""Below it Tesseract has read specks and lines as letters."""
_CELL_GAP = 2.0


@dataclass(frozen=True)
class _Word:
    paragraph: tuple[int, int]
    line: int
    left: int
    right: int
    height: int
    text: str


def page_text(table: str) -> str:
    """Return a page's text.

    Args:
        table: Tesseract's TSV output.
    """
    paragraphs = [
        _paragraph(list(words))
        for _, words in groupby(_words(table.splitlines()), key=lambda word: word.paragraph)
    ]
    return tidy_lines("\n\n".join(filter(None, paragraphs)))


def _words(lines: Iterable[str]) -> Iterator[_Word]:
    for line in lines:
        cells = line.split("\t", _COLUMNS - 1)
        if len(cells) < _COLUMNS or cells[0] != _WORD_LEVEL or not cells[-1].strip():
            continue
        try:
            _, _, block, paragraph, number, _, left, _, width, height = map(int, cells[:10])
            confidence = float(cells[10])
        except ValueError:
            continue
        if confidence >= _LEAST_CONFIDENCE:
            yield _Word((block, paragraph), number, left, left + width, height, cells[-1].strip())


def _paragraph(words: list[_Word]) -> str:
    lines = [_line(list(line)) for _, line in groupby(words, key=lambda word: word.line)]
    text = unwrap("\n".join(_without_broken_words(lines)))
    return text if any(character.isalnum() for character in text) else ""


def _line(words: list[_Word]) -> str:
    """Return a printed line; wide gaps separate the cells of a row."""
    height = median(word.height for word in words)
    text = words[0].text
    for word, following in pairwise(words):
        apart = following.left - word.right > _CELL_GAP * height
        text += (" | " if apart else " ") + following.text
    return text


def _without_broken_words(lines: list[str]) -> Iterator[str]:
    """Yield lines whose last word is whole: what a hyphen has broken off is taken from the next."""
    start = 0  # of what is left of the line
    for line, following in pairwise([*lines, ""]):
        text = line[start:].lstrip()
        start = 0
        if text[-1:] == "-" and text[-2:-1].isalpha() and following[:1].islower():
            broken_off = following.split(" ", 1)[0]
            text = text[:-1] + broken_off
            start = len(broken_off)
        if text:
            yield text
