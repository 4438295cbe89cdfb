"""The PDF that slides are drawn from: LibreOffice makes it at the first look, the cache keeps it.

SECURITY: nothing here asks who is reading; every caller has looked the document up for the reader.
"""

import contextlib
import os
from collections.abc import Iterator
from logging import getLogger
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings

from documents.extraction import wire
from documents.extraction.conversion import draws_slides, slides_as_pdf
from documents.extraction.errors import ExtractionError
from documents.models import Document
from documents.page_cache import failure_path, keep, keep_file, kept_failure, kept_path
from knowledge.lib.overload import Gate, Limits

logger = getLogger("knowledge.documents")

_QUEUE = 16
# LibreOffice takes a whole core and some hundred MB, so that decks are drawn one after the other.
_gate = Gate("slides", lambda: Limits(1, _QUEUE, float(settings.SLIDES_TIMEOUT_S)))


def has_slides(document: Document) -> bool:
    """Tell whether a document's pages are slides that can be drawn here."""
    return draws_slides(document.extension)


def is_first_look(document: Document) -> bool:
    """Tell whether showing a page of it takes seconds, as LibreOffice has to open it first."""
    if not has_slides(document):
        return False
    path = _path(document)
    return not path.exists() and kept_failure(path) is None


@contextlib.contextmanager
def opened_slides(document: Document) -> Iterator[BinaryIO]:
    """Give the PDF of a document's slides, a page for each, open for reading.

    Raises:
        ExtractionError: LibreOffice can't open the file, or takes too long.
        Overloaded: others are being drawn, and more wait.
        FileNotFoundError: the document's file is gone.
    """
    path = _path(document)
    with contextlib.ExitStack() as stack:
        file = _opened(path)
        if file is None:
            with _gate.entered():
                # Somebody may have been here before.
                file = _opened(path) or stack.enter_context(_made(document, path))
        yield stack.enter_context(file)


def _path(document: Document) -> Path:
    return kept_path(document, "slides.pdf")


def _opened(path: Path) -> BinaryIO | None:
    """Open what is kept, which is thereby the last to go."""
    with contextlib.suppress(FileNotFoundError):
        file = path.open("rb")
        os.utime(path)
        return file
    return None


@contextlib.contextmanager
def _made(document: Document, path: Path) -> Iterator[BinaryIO]:
    """Have the PDF made and kept; it can be used for the block also where it could not be kept."""
    if kept_failure(path) is not None:
        raise _not_drawn()
    fields = {"document_id": str(document.pk), "bytes": document.size}
    with document.file.open("rb") as source, contextlib.ExitStack() as stack:
        try:
            pdf = slides_as_pdf(cast(BinaryIO, source), document.extension)
            made = stack.enter_context(pdf)
        except ExtractionError as error:
            logger.warning("slides not drawn", extra={**fields, "code": error.code})
            # Kept also where it may pass: each try costs a core for as long as it is allowed.
            keep(failure_path(path), wire.encode_error(error))
            raise _not_drawn() from None
        logger.info("slides drawn", extra=fields)
        keep_file(path, made)
        yield stack.enter_context(made.open("rb"))


def _not_drawn() -> ExtractionError:
    return ExtractionError("These slides cannot be drawn.", code="no_slides", may_pass=True)
