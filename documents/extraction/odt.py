"""ODT: headings, paragraphs, lists and tables in order, on the pages that they were laid out on."""

from pathlib import Path

from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.odf import OdfPackage, OdfReader
from documents.extraction.writer import DocumentWriter


class OdtExtractor(Extractor):
    """Reads .odt files."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        with OdfPackage(path, "ODT") as package:
            body = package.body("text")
            reader = OdfReader(package, DocumentWriter(limits), paged=True)
            reader.read(body)
            return reader.writer.document(
                package.title() or reader.first_title, dated_on=package.dated_on()
            )
