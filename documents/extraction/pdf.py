"""PDF: the text of each page with the file's own page numbers."""

from pathlib import Path

from pypdfium2 import PdfDocument, PdfiumError

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.cleaning import squeeze
from documents.extraction.errors import (
    ExtractionError,
    damaged,
    too_many_characters,
    too_many_pages,
)
from documents.extraction.pdf_lines import Line, read_lines
from documents.extraction.pdf_paragraphs import page_text, typography


class PdfExtractor(Extractor):
    """Reads .pdf files by their text layer."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        with _open(path) as document:
            count = len(document)
            if count == 0:
                raise damaged("PDF")
            if count > limits.pages:
                raise too_many_pages(limits.pages)
            pages = _lines_of_pages(document, limits)
            title = _title(document)
        if not any(pages):
            raise ExtractionError(
                "This PDF has no text layer: it looks scanned. Run OCR on it (for example with "
                "OCRmyPDF or Acrobat) and upload it again.",
                code="no_text",
            )
        measured = typography(pages)
        laid_out = tuple(
            page_text(number, lines, measured) for number, lines in enumerate(pages, start=1)
        )
        if not title:
            title = next((h.title for page in laid_out for h in page.headings if h.level < 3), "")
        return ExtractedDocument(laid_out, title)


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


def _lines_of_pages(document: PdfDocument, limits: Limits) -> list[list[Line]]:
    """Read all pages; one that is damaged stays empty, so that the numbers stay right."""
    pages: list[list[Line]] = []
    characters = 0
    unreadable = 0
    for number in range(len(document)):
        try:
            page = document[number]
            lines = read_lines(page)
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
    return pages
