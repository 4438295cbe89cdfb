"""Plain text: paragraphs between blank lines, with lines that were only wrapped joined again."""

import re
from itertools import pairwise
from pathlib import Path

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import clean_characters
from documents.extraction.encoding import decode
from documents.extraction.writer import DocumentWriter

_BETWEEN_PARAGRAPHS = re.compile(r"\n[ \t]*\n[ \t\n]*")
_LAID_OUT = re.compile(r"\t|\S {3,}\S|\|")  # columns, which joining would destroy
_MARKER = re.compile(r"\s*(?:[-*•–▪·+]\s|\(?[0-9a-zA-Z]{1,3}[.)]\s)")
_SHORTEST_WRAP = 40


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
            for paragraph in _BETWEEN_PARAGRAPHS.split(page):
                writer.paragraph(unwrap(paragraph))
        return writer.document()


def unwrap(paragraph: str) -> str:
    """Join the lines of a paragraph that was wrapped at a width; leave any other as it is.

    Wrapped text is known by this: on each line but the last, the next line's first word would not
    have fitted. Lists, tables and verse fail the test somewhere.
    """
    lines = [line.rstrip() for line in paragraph.strip("\n").split("\n")]
    if len(lines) < 2 or _LAID_OUT.search(paragraph.strip()):
        return paragraph
    if any(_MARKER.match(line) for line in lines[1:]):
        return paragraph
    width = max(map(len, lines))
    continued = 0
    for line, following in pairwise(lines):
        first_word = following.split(maxsplit=1)[0]
        if width < _SHORTEST_WRAP or len(line) + 1 + len(first_word) <= width:
            return paragraph
        continued += first_word[0].islower()
    # Log lines of one length pass the first test, but do not go on with a small letter.
    if continued * 4 < len(lines) - 1:
        return paragraph
    return clean_characters(" ".join(line.strip() for line in lines))
