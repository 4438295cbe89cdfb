"""What is kept of pages that are shown: pictures, places of characters, slides as PDF.

The folder is a cache. It is bounded, anything in it may go at any time, and what it holds of a
deleted document goes with the document. SECURITY: nothing here asks who is reading.
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

from django.conf import settings

from documents.models import Document

logger = getLogger("knowledge.documents")

_VERSION = 1  # of what is kept; another one when the same page would be drawn otherwise
_FAILURE_S = 3600
_TRIM_SHARE = 0.05  # of the cache: what is written before its size is looked at again
_TRIMMED_TO = 0.8
_ROWS_A_QUERY = 500

_trimming = threading.Lock()
_written = 0  # bytes since this process last looked at the size of the cache


def version_of(document: Document) -> str:
    """Return what the names of its files begin with: it changes when what they show may."""
    return f"{_VERSION}-{document.sha256[:16]}"


def kept_path(document: Document, name: str) -> Path:
    """Return where something is kept of a document."""
    return settings.PAGE_CACHE_DIR / str(document.pk) / f"{version_of(document)}-{name}"


def forget_page_images(document_ids: Iterable[uuid.UUID]) -> None:
    """Remove what is kept of documents; call it once their rows are gone."""
    for key in document_ids:
        shutil.rmtree(settings.PAGE_CACHE_DIR / str(key), ignore_errors=True)


def sweep_page_images() -> int:
    """Remove what is kept of documents that are gone, and return of how many it was.

    A process that died between the delete and this, or ran on another machine, left it.
    """
    there = [key for key in map(_uuid_or_none, _names(settings.PAGE_CACHE_DIR)) if key]
    gone = 0
    for start in range(0, len(there), _ROWS_A_QUERY):
        some = there[start : start + _ROWS_A_QUERY]
        missing = set(some) - set(Document.objects.filter(pk__in=some).values_list("pk", flat=True))
        forget_page_images(missing)
        gone += len(missing)
    return gone


def kept(path: Path) -> bytes | None:
    """Return a file of the cache, which is thereby the last to go."""
    with contextlib.suppress(OSError):
        answer = path.read_bytes()
        os.utime(path)
        return answer
    return None


def failure_path(path: Path) -> Path:
    """Return where it is kept that something could not be made."""
    return path.with_name(f"{path.name}-failed")


def kept_failure(path: Path) -> bytes | None:
    """Return a failure that is not old, so that a hostile page is not tried at each request."""
    failure = failure_path(path)
    with contextlib.suppress(OSError):
        if time.time() - failure.stat().st_mtime < _FAILURE_S:
            return failure.read_bytes()
    return None


def keep(path: Path, answer: bytes) -> None:
    """Write a file of the cache, whole or not at all; without room for it nothing is kept."""
    _put(path, lambda beside: beside.write_bytes(answer))


def keep_file(path: Path, source: Path) -> None:
    """Keep a copy of a file, likewise."""
    _put(path, lambda beside: shutil.copyfile(source, beside))


def _put(path: Path, write: Callable[[Path], object]) -> None:
    beside = path.with_name(f".{uuid.uuid4()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(beside)
        size = beside.stat().st_size
        beside.replace(path)
    except OSError:
        logger.warning("page image not kept", exc_info=True)
        with contextlib.suppress(OSError):
            beside.unlink()
    else:
        _trim_after(size)


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
