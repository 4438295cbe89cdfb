"""Reads a stored file: its text, the words on its scanned pages, the files inside it."""

import logging
from pathlib import Path

from django.conf import settings

from documents.exceptions import DocumentFailure
from documents.extraction import wire
from documents.extraction.base import ExtractedDocument, Limits
from documents.extraction.children import Bounds, TooMuchSaid, ask, crashed
from documents.extraction.conversion import converted
from documents.extraction.errors import ExtractionError
from documents.extraction.recognition import with_recognized_text

log = logging.getLogger(__name__)


def extract_file(path: Path, *, extension: str) -> ExtractedDocument:
    """Return the text of a file; may be called by several threads at once.

    Args:
        path: the file.
        extension: as `detect_type` gave it.

    Raises:
        DocumentFailure: it gives no text, for the reason that the message states.
    """
    limits = Limits(
        pages=settings.MAX_PAGES,
        characters=settings.MAX_DOCUMENT_CHARACTERS,
        attachments=settings.MAX_ATTACHMENTS,
        attachment_bytes=settings.MAX_UPLOAD_BYTES,
    )
    try:
        with converted(path, extension) as (file, read_as):
            document = _extracted(file, read_as, limits)
            return with_recognized_text(document, file, read_as, limits)
    except ExtractionError as error:
        for cause in getattr(error, "__notes__", ()):
            log.warning("extraction failed: %s", cause)
        raise DocumentFailure(error.message, code=error.code, may_pass=error.may_pass) from None


def _extracted(path: Path, extension: str, limits: Limits) -> ExtractedDocument:
    """Have a child read the file.

    Raises:
        ExtractionError: what the child says, or how it ended.
    """
    request = {
        "do": "extract",
        "extension": extension,
        "pages": limits.pages,
        "characters": limits.characters,
        "attachments": limits.attachments,
        "attachment_bytes": limits.attachment_bytes,
    }
    bounds = Bounds(
        timeout_s=settings.EXTRACTION_TIMEOUT_S,
        memory_bytes=settings.EXTRACTION_MEMORY_BYTES,
        answer_bytes=wire.longest_answer(limits),
    )
    try:
        with path.open("rb") as file:
            return wire.decode(ask(file.fileno(), request, bounds).data, limits)
    except (wire.WireError, TooMuchSaid) as error:
        log.warning("extraction child gave a malformed answer: %s", error)
        raise crashed() from None
