"""Pictures of pages and where their characters stand: made in a child process, kept on the disk.

The folder is a cache. It is bounded, anything in it may go at any time, and what it holds of a
deleted document goes with the document. SECURITY: nothing here asks who is reading; every caller
looks the document up through `visible_to` first, for each request.
"""

import contextlib
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from logging import getLogger
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings

from documents.extraction import children, page_layout, wire
from documents.extraction.errors import ExtractionError
from documents.extraction.page_layout import PageLayout
from documents.models import Document
from knowledge.lib.errors import AppError, NotFound
from knowledge.lib.overload import Gate, Limits

logger = getLogger("knowledge.documents")
T = TypeVar("T")

WIDTHS = (800, 1200, 1800)
"""Pixels; only these are drawn, so that nobody can fill the cache with every width there is."""
_DRAWN = frozenset({"pdf"})
_VERSION = 1  # of what is kept; another one when the same page would be drawn otherwise
_FAILURE_S = 3600
_QUEUE = 16
_WAIT_S = 5.0
_TRIM_SHARE = 0.05  # of the cache: what is written before its size is looked at again
_TRIMMED_TO = 0.8
_ROWS_A_QUERY = 500


class NoPicture(AppError):
    """The page can't be drawn: its file is damaged there, or asks for more than it may use."""

    code = "no_picture"
    status = 422

    def __init__(self) -> None:
        super().__init__("This page cannot be shown as a picture. Its text can be read.")


_gate = Gate("page images", lambda: Limits(settings.PAGE_IMAGES_AT_ONCE, _QUEUE, _WAIT_S))
_trimming = threading.Lock()
_written = 0  # bytes since this process last looked at the size of the cache


def has_images(document: Document) -> bool:
    """Tell whether the pages of a document are drawn; of the others the text is shown."""
    return document.extension in _DRAWN


def nearest_width(asked: str) -> int:
    """Return the width to draw for one that an address asks for; anything may come."""
    if not (asked.isascii() and asked.isdigit()) or len(asked) > 6:
        return WIDTHS[1]
    return min((width for width in WIDTHS if width >= int(asked)), default=WIDTHS[-1])


def page_image_tag(document: Document, number: int, width: int) -> str:
    """Return the entity tag of a picture: it changes when the picture may."""
    return f'"{_version_of(document)}-{number}-{width}"'


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
    answer = _answer(document, f"{number}-{width}", request)
    return _checked(document, page_layout.decode_image, answer)


def page_layout_of(document: Document, number: int) -> PageLayout:
    """Return the size of a page and the places of its characters.

    Raises:
        NoPicture, Overloaded, NotFound: as `page_image`.
    """
    answer = _answer(document, f"{number}-layout", {"do": "measure_page", "page": number})
    return _checked(document, page_layout.decode_layout, answer)


def forget_page_images(document_ids: Iterable[uuid.UUID]) -> None:
    """Remove what is kept of documents; call it once their rows are gone."""
    for key in document_ids:
        shutil.rmtree(settings.PAGE_CACHE_DIR / str(key), ignore_errors=True)


def sweep_page_images() -> int:
    """Remove what is kept of documents that are gone, and return of how many it was.

    A process that died between the delete and this, or ran on another machine, left it.
    """
    kept = [key for key in map(_uuid_or_none, _names(settings.PAGE_CACHE_DIR)) if key]
    gone = 0
    for start in range(0, len(kept), _ROWS_A_QUERY):
        some = kept[start : start + _ROWS_A_QUERY]
        missing = set(some) - set(Document.objects.filter(pk__in=some).values_list("pk", flat=True))
        forget_page_images(missing)
        gone += len(missing)
    return gone


def _version_of(document: Document) -> str:
    return f"{_VERSION}-{document.sha256[:16]}"


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
    folder = settings.PAGE_CACHE_DIR / str(document.pk)
    path = folder / f"{_version_of(document)}-{name}"
    kept = _kept(path) or _kept_failure(path)
    if kept is not None:
        return kept
    with _gate.entered():
        kept = _kept(path)  # by whoever asked for the same in the meantime
        if kept is not None:
            return kept
        try:
            answer = _ask_child(document, request)
        except ExtractionError as error:
            if error.may_pass:
                raise NoPicture from None
            path, answer = _failure_path(path), wire.encode_error(error)
    _keep(path, answer)
    # A delete either finds the file written or is seen here: rows go before files do.
    if not Document.objects.filter(pk=document.pk).exists():
        forget_page_images([document.pk])
        raise NotFound
    return answer


def _ask_child(document: Document, request: dict[str, Any]) -> bytes:
    """Have a child do it.

    Raises:
        ExtractionError: the failure that it reports, or how it ended.
        NotFound: the file is gone.
    """
    bounds = children.Bounds(
        timeout_s=settings.PAGE_IMAGE_TIMEOUT_S,
        memory_bytes=settings.EXTRACTION_MEMORY_BYTES,
        answer_bytes=page_layout.LONGEST_ANSWER,
    )
    try:
        with document.file.open("rb") as file:
            answer = children.ask(file.fileno(), request, bounds).data
        with wire.checked():
            wire.split(answer)
    except FileNotFoundError:
        raise NotFound("The file of this document is no longer stored.") from None
    except (wire.WireError, children.TooMuchSaid):
        raise children.crashed() from None
    return answer


def _kept(path: Path) -> bytes | None:
    """Return a file of the cache, which is thereby the last to go."""
    with contextlib.suppress(OSError):
        answer = path.read_bytes()
        os.utime(path)
        return answer
    return None


def _failure_path(path: Path) -> Path:
    return path.with_name(f"{path.name}-failed")


def _kept_failure(path: Path) -> bytes | None:
    """Return a failure that is not old, so that a hostile page is not tried at each request."""
    failure = _failure_path(path)
    with contextlib.suppress(OSError):
        if time.time() - failure.stat().st_mtime < _FAILURE_S:
            return failure.read_bytes()
    return None


def _keep(path: Path, answer: bytes) -> None:
    """Write a file of the cache, whole or not at all; without room for it nothing is kept."""
    beside = path.with_name(f".{uuid.uuid4()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.write_bytes(answer)
        beside.replace(path)
    except OSError:
        logger.warning("page image not kept", exc_info=True)
        with contextlib.suppress(OSError):
            beside.unlink()
    _trim_after(len(answer))


def _trim_after(size: int) -> None:
    """Look at the size of the cache after each twentieth of it that is written."""
    global _written  # noqa: PLW0603  # a count of this process, under its lock
    with _trimming:
        _written += size
        if _written < _TRIM_SHARE * settings.PAGE_CACHE_BYTES:
            return
        _written = 0
    trim_page_images()


def trim_page_images() -> None:
    """Remove what was not asked for the longest, where the cache is over its size."""
    files = []
    for folder in _names(settings.PAGE_CACHE_DIR):
        with contextlib.suppress(OSError), os.scandir(settings.PAGE_CACHE_DIR / folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    files.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in files)
    if total <= settings.PAGE_CACHE_BYTES:
        return
    logger.info("page cache trimmed", extra={"bytes": total, "files": len(files)})
    for _, size, path in sorted(files):
        Path(path).unlink(missing_ok=True)
        total -= size
        if total <= _TRIMMED_TO * settings.PAGE_CACHE_BYTES:
            return


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _uuid_or_none(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name)
    except ValueError:
        return None
