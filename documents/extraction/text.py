"""Plain text: paragraphs between blank lines, with lines that were only wrapped joined again."""

import re
from itertools import pairwise
from pathlib import Path

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.encoding import decode
from documents.extraction.writer import DocumentWriter

_BETWEEN_PARAGRAPHS = re.compile(r"\n[ \t]*\n[ \t\n]*")
_LAID_OUT = re.compile(r"\t|\S {3,}\S|\|")  # columns, which joining would destroy
_MARKER = re.compile(r"\s*(?:[-*•–▪·+]\s|\(?[0-9a-zA-Z]{1,3}[.)]\s)")
_SHORTEST_WRAP = 40
_LONGEST_WRAP = 160
_AROUND = 4  # lines before and after
_ROOM = 0.88


class TextExtractor(Extractor):
    """Reads .txt and its kin."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        text = decode(path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")
        writer = DocumentWriter(limits)
        pages = text.split("\f")
        if not pages[-1].strip():
            pages.pop()
        for number, page in enumerate(pages):
            if number:
                writer.end_page()
            write_text(writer, page)
        return writer.document()


def write_text(writer: DocumentWriter, text: str) -> None:
    """Write plain text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for paragraph in _BETWEEN_PARAGRAPHS.split(text):
        writer.paragraph(unwrap(paragraph))


def unwrap(paragraph: str) -> str:
    """Join the lines that were wrapped at a width; leave others as they are.

    A wrapped line is known by this: the next line's first word would not have fitted. Lists, tables
    and verse hardly have such lines; logs do, but these do not go on with a small letter.
    """
    lines = [line.rstrip() for line in paragraph.strip("\n").split("\n")]
    if len(lines) < 2:
        return paragraph
    joined = [
        _goes_on(line, following, _width_at(lines, place))
        for place, (line, following) in enumerate(pairwise(lines))
    ]
    small = sum(
        goes_on and following.lstrip()[:1].islower()
        for goes_on, following in zip(joined, lines[1:], strict=True)
    )
    if small * 4 < sum(joined):
        return paragraph
    text = lines[0]
    for goes_on, line in zip(joined, lines[1:], strict=True):
        text += " " + line.lstrip() if goes_on else "\n" + line
    return text


def _width_at(lines: list[str], place: int) -> float:
    """Return the width at which the lines around are wrapped, with some room.

    One line may stand out, and text copied from a page was not wrapped by counting characters.
    """
    around = sorted(map(len, lines[max(0, place - _AROUND) : place + _AROUND + 1]))
    return _ROOM * around[-2]


def _goes_on(line: str, following: str, width: float) -> bool:
    """Tell whether the line is full and the next one no list item or table row."""
    if not following or not _SHORTEST_WRAP <= width <= _LONGEST_WRAP or _MARKER.match(following):
        return False
    if _LAID_OUT.search(line) or _LAID_OUT.search(following):
        return False
    return len(line) + 1 + len(following.split(maxsplit=1)[0]) > width
