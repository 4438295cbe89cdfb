"""EPUB: each part of the book, in the order in which it is read, is a page."""

import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from documents.extraction.archive import BoundedArchive
from documents.extraction.base import ExtractedDocument, Extractor, Limits
from documents.extraction.elements import attribute, child, name_of
from documents.extraction.encoding import decode
from documents.extraction.errors import ExtractionError, damaged, too_many_pages
from documents.extraction.html import write_html
from documents.extraction.writer import SHEET_CHARACTERS, DocumentWriter

_CHAPTERS = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_PROTECTED = re.compile(rb"<(?:\w{1,20}:)?EncryptedData\b")
_FONTS_ONLY = (b"http://www.idpf.org/2008/embedding", b"http://ns.adobe.com/pdf/enc#RC")


class EpubExtractor(Extractor):
    """Reads .epub files."""

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        with BoundedArchive(path, "EPUB") as archive:
            _check_protection(archive)
            title, chapters = _spine(archive)
            if len(chapters) > limits.pages:
                raise too_many_pages(limits.pages)
            writer = DocumentWriter(limits, part_characters=SHEET_CHARACTERS)
            for chapter in chapters:
                data = archive.read(chapter)
                if data is not None:
                    write_html(writer, decode(data))
                writer.end_page()
            return writer.document(title)


def _spine(archive: BoundedArchive) -> tuple[str, list[str]]:
    """Return the book's title, and the names of its parts in the order of reading."""
    container = archive.xml("META-INF/container.xml")
    rootfile = None if container is None else container.find(".//{*}rootfile")
    name = "" if rootfile is None else attribute(rootfile, "full-path")
    package = archive.xml(name)
    if package is None:
        raise damaged("EPUB")
    folder = posixpath.dirname(name)
    parts: dict[str, str] = {}
    manifest = child(package, "manifest")
    for item in manifest if manifest is not None else ():
        if attribute(item, "media-type") in _CHAPTERS:
            target = posixpath.join("/" + folder, unquote(attribute(item, "href")))
            parts[attribute(item, "id")] = posixpath.normpath(target).lstrip("/")
    spine = child(package, "spine")
    order = [attribute(found, "idref") for found in (spine if spine is not None else ())
             if name_of(found) == "itemref"]  # fmt: skip
    title = package.findtext(".//{*}title") or ""
    return title, [parts[id] for id in order if id in parts]


def _check_protection(archive: BoundedArchive) -> None:
    """Refuse a book whose text is encrypted; that its fonts are is usual, and no matter."""
    data = archive.read("META-INF/encryption.xml") or b""
    if len(_PROTECTED.findall(data)) > sum(data.count(kind) for kind in _FONTS_ONLY):
        raise ExtractionError(
            "This book is protected (DRM), so its text can't be read. Upload a copy without "
            "protection.",
            code="encrypted",
        )
