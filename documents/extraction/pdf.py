"""PDF: the text of each page with the file's own page numbers."""

import datetime
import re
from collections.abc import Sequence
from pathlib import Path

from pypdfium2 import PdfDocument, PdfiumError, PdfPage

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import iso_date, squeeze
from documents.extraction.errors import (
    ExtractionError,
    damaged,
    empty,
    too_many_characters,
    too_many_pages,
)
from documents.extraction.pdf_lines import Line, has_picture, read_lines
from documents.extraction.pdf_paragraphs import page_text, typography
from documents.extraction.pictures import DOTS_PER_INCH, MOST_PIXELS, as_pgm

_STAMP_CHARACTERS = 60
_PDF_DATE = re.compile(r"D:(\d{4})(\d{2})(\d{2})")


class PdfExtractor(Extractor):
    """Reads .pdf files by their text layer."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        with _open(path) as document:
            count = len(document)
            if count == 0:
                raise damaged("PDF")
            if count > limits.pages:
                raise too_many_pages(limits.pages)
            pages, scans = _lines_of_pages(document, limits)
            title = _title(document)
            dated_on = _dated_on(document)
        if not any(pages) and not scans:
            raise empty()
        measured = typography(pages)
        laid_out = tuple(
            page_text(number, lines, measured) for number, lines in enumerate(pages, start=1)
        )
        if not title:
            title = next((h.title for page in laid_out for h in page.headings if h.level < 3), "")
        return ExtractedDocument(laid_out, title, scans=tuple(scans), dated_on=dated_on)

    def picture(self, path: Path, page: int) -> bytes:
        with _open(path) as document:
            try:
                drawn = document[page - 1]
                width, height = drawn.get_size()
                inches = max(1e-6, width * height) / 72**2
                scale = min(DOTS_PER_INCH, (MOST_PIXELS / inches) ** 0.5) / 72
                bitmap = drawn.render(scale=scale, grayscale=True, may_draw_forms=False)
            except PdfiumError as error:
                raise damaged("PDF") from error
            rows = memoryview(bitmap.buffer).cast("B")
            starts = range(0, bitmap.height * bitmap.stride, bitmap.stride)
            grey = b"".join(rows[start : start + bitmap.width] for start in starts)
            return as_pgm(bitmap.width, bitmap.height, grey)


def _open(path: Path) -> PdfDocument:
    """Open a file that needs no password; one that only forbids copying does not."""
    try:
        return PdfDocument(path)
    except PdfiumError as error:
        reason = str(error).lower()
        if "password" in reason or "security" in reason:
            raise ExtractionError(
                "This PDF is protected with a password. Save it without one (print it to PDF, "
                "for example) and upload it again.",
                code="encrypted",
            ) from error
        raise damaged("PDF") from error


def _title(document: PdfDocument) -> str:
    try:
        return squeeze(document.get_metadata_value("Title"))
    except UnicodeDecodeError:
        return ""


def _dated_on(document: PdfDocument) -> datetime.date | None:
    for key in ("ModDate", "CreationDate"):
        try:
            said = document.get_metadata_value(key)
        except UnicodeDecodeError:
            continue
        if match := _PDF_DATE.match(said):
            return iso_date("-".join(match.groups()))
    return None


def _lines_of_pages(document: PdfDocument, limits: Limits) -> tuple[list[list[Line]], list[int]]:
    """Read all pages; one that is damaged stays empty, so that the numbers stay right.

    Returns:
        The lines of each page, and the numbers of the pages that are scans.
    """
    pages: list[list[Line]] = []
    scans: list[int] = []
    characters = 0
    unreadable = 0
    for number in range(len(document)):
        try:
            page = document[number]
            lines = read_lines(page)
            if _is_scan(page, lines):
                scans.append(number + 1)
            page.close()
        except PdfiumError:
            unreadable += 1
            lines = []
        characters += sum(len(line.text) for line in lines)
        if characters > limits.characters:
            raise too_many_characters(limits.characters)
        pages.append(lines)
    if unreadable == len(pages):
        raise damaged("PDF")
    return pages, scans


def _is_scan(page: PdfPage, lines: Sequence[Line]) -> bool:
    """Tell whether the page is a picture, with hardly more than a stamp or a number as text."""
    if sum(len(line.text) for line in lines) > _STAMP_CHARACTERS:
        return False
    return has_picture(page, 0.5 if lines else 0.0)
