"""ODP: each slide is a page: its title, texts and tables, then its notes."""

from pathlib import Path

from lxml import etree

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.elements import attribute, child, name_of
from documents.extraction.errors import too_many_pages
from documents.extraction.odf import OdfPackage, OdfReader, flat_text
from documents.extraction.writer import SHEET_CHARACTERS, DocumentWriter

_FURNITURE = ("date-time", "footer", "page-number", "header", "page")


class OdpExtractor(Extractor):
    """Reads .odp files."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        with OdfPackage(path, "ODP") as package:
            slides = [found for found in package.body("presentation") if name_of(found) == "page"]
            if len(slides) > limits.pages:
                raise too_many_pages(limits.pages)
            writer = DocumentWriter(limits, part_characters=SHEET_CHARACTERS)
            reader = OdfReader(package, writer, paged=False)
            first_title = ""
            for slide in slides:
                title = _write_slide(slide, reader)
                first_title = first_title or title
                writer.end_page()
            return writer.document(package.title() or first_title, dated_on=package.dated_on())


def _write_slide(slide: etree._Element, reader: OdfReader) -> str:
    """Write a slide and return its title."""
    frames = [
        frame
        for frame in slide.iterdescendants("{*}frame", "{*}custom-shape", "{*}rect", "{*}ellipse")
        if next(frame.iterancestors("{*}notes"), None) is None
        and attribute(frame, "class") not in _FURNITURE
    ]
    title = next((frame for frame in frames if attribute(frame, "class") == "title"), None)
    text = "" if title is None else flat_text(title)
    reader.writer.heading(text, 1)
    for frame in frames:
        if frame is title:
            continue
        box = child(frame, "text-box")
        reader.read(frame if box is None else box)
    notes = child(slide, "notes")
    if notes is not None:
        said = [
            flat_text(frame)
            for frame in notes.iterdescendants("{*}frame")
            if attribute(frame, "class") not in _FURNITURE
        ]
        if any(said):
            reader.writer.paragraph("Notes: " + "\n".join(filter(None, said)))
    return text
