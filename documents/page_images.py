"""Pictures of pages and where their characters stand: made in a child process, then kept.

SECURITY: nothing here asks who is reading; every caller looks the document up through
`visible_to` first, for each request.
"""

import contextlib
from collections.abc import Callable, Iterator
from logging import getLogger
from typing import Any, BinaryIO, TypeVar, cast

from django.conf import settings

from documents.extraction import children, page_layout, wire
from documents.extraction.errors import ExtractionError
from documents.extraction.page_layout import PageLayout
from documents.models import Document
from documents.page_cache import (
    failure_path,
    forget_page_images,
    keep,
    kept,
    kept_failure,
    kept_path,
    version_of,
)
from documents.slide_pages import has_slides, opened_slides
from knowledge.lib.errors import AppError, NotFound
from knowledge.lib.overload import Gate, Limits

logger = getLogger("knowledge.documents")
T = TypeVar("T")

WIDTHS = (800, 1200, 1800)
"""Pixels; only these are drawn, so that nobody can fill the cache with every width there is."""
_QUEUE = 16
_WAIT_S = 5.0


class NoPicture(AppError):
    """The page can't be drawn: its file is damaged there, or asks for more than it may use."""

    code = "no_picture"
    status = 422

    def __init__(self) -> None:
        super().__init__("This page cannot be shown as a picture. Its text can be read.")


_gate = Gate("page images", lambda: Limits(settings.PAGE_IMAGES_AT_ONCE, _QUEUE, _WAIT_S))


def has_images(document: Document) -> bool:
    """Tell whether the pages of a document are drawn; of the others the text is shown."""
    return document.extension == "pdf" or has_slides(document)


def nearest_width(asked: str) -> int:
    """Return the width to draw for one that an address asks for; anything may come."""
    if not (asked.isascii() and asked.isdigit()) or len(asked) > 6:
        return WIDTHS[1]
    return min((width for width in WIDTHS if width >= int(asked)), default=WIDTHS[-1])


def page_image_tag(document: Document, number: int, width: int) -> str:
    """Return the entity tag of a picture: it changes when the picture may."""
    return f'"{version_of(document)}-{number}-{width}"'


def page_image(document: Document, number: int, width: int) -> bytes:
    """Return a page as WebP.

    Args:
        document: it was looked up for the reader.
        number: of the page, from 1.
        width: one of `WIDTHS`.

    Raises:
        NoPicture: it can't be drawn.
        Overloaded: too many are being drawn.
        NotFound: the document has been deleted meanwhile.
    """
    request = {"do": "render_page", "page": number, "width": width}
    answer = _answer(document, f"{number}-{width}", {**request, **_pages_of(document)})
    return _checked(document, page_layout.decode_image, answer)


def page_layout_of(document: Document, number: int) -> PageLayout:
    """Return the size of a page and the places of its characters.

    Raises:
        NoPicture, Overloaded, NotFound: as `page_image`.
    """
    request = {"do": "measure_page", "page": number, **_pages_of(document)}
    answer = _answer(document, f"{number}-layout", request)
    return _checked(document, page_layout.decode_layout, answer)


def _pages_of(document: Document) -> dict[str, int]:
    """Return how many pages the PDF of slides has to have; else they are not these slides."""
    return {"pages": document.page_count} if has_slides(document) else {}


def _checked(document: Document, decode: Callable[[bytes], T], answer: bytes) -> T:
    """Return what a child's answer says."""
    try:
        return decode(answer)
    except (ExtractionError, wire.WireError) as error:
        logger.info(
            "page not drawn",
            extra={"document_id": str(document.pk), "reason": getattr(error, "code", "malformed")},
        )
        raise NoPicture from None


def _answer(document: Document, name: str, request: dict[str, Any]) -> bytes:
    """Return the kept answer to a request, or a child's, which is kept."""
    path = kept_path(document, name)
    found = kept(path) or kept_failure(path)
    if found is not None:
        return found
    try:
        with _printed(document) as file, _gate.entered():
            found = kept(path)  # by whoever asked for the same in the meantime
            if found is not None:
                return found
            answer = _ask_child(file, request)
    except ExtractionError as error:
        if error.may_pass:
            raise NoPicture from None
        path, answer = failure_path(path), wire.encode_error(error)
    except FileNotFoundError:
        raise NotFound("The file of this document is no longer stored.") from None
    keep(path, answer)
    # A delete either finds the file written or is seen here: rows go before files do.
    if not Document.objects.filter(pk=document.pk).exists():
        forget_page_images([document.pk])
        raise NotFound
    return answer


@contextlib.contextmanager
def _printed(document: Document) -> Iterator[BinaryIO]:
    """Give the PDF that pages are drawn from: the document's own, or that of its slides."""
    if has_slides(document):
        with opened_slides(document) as file:
            yield file
    else:
        with document.file.open("rb") as own:
            yield cast(BinaryIO, own)


def _ask_child(file: BinaryIO, request: dict[str, Any]) -> bytes:
    """Have a child do it.

    Raises:
        ExtractionError: the failure that it reports, or how it ended.
    """
    bounds = children.Bounds(
        timeout_s=settings.PAGE_IMAGE_TIMEOUT_S,
        memory_bytes=settings.EXTRACTION_MEMORY_BYTES,
        answer_bytes=page_layout.LONGEST_ANSWER,
    )
    try:
        answer = children.ask(file.fileno(), request, bounds).data
        with wire.checked():
            wire.split(answer)
    except (wire.WireError, children.TooMuchSaid):
        raise children.crashed() from None
    return answer
