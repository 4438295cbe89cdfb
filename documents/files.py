"""Stored files and their journal: no accepted file is lost, and none stays without its row."""

import contextlib
import datetime
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from logging import getLogger
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from documents.models import FileDeletion
from documents.querysets import FileDeletionQuerySet
from documents.upload_limit import too_large
from knowledge.lib.errors import Unavailable
from knowledge.lib.faults import FaultPoint, passing

logger = getLogger("knowledge.documents")

# Longer than any upload takes from its first stored byte to its row.
RESERVATION = datetime.timedelta(hours=1)
BLOCK_BYTES = 1024 * 1024
# After a removal that failed, or that another process has begun.
RETRY_AFTER = datetime.timedelta(minutes=5)


@dataclass(frozen=True)
class StoredFile:
    """What was measured while the file was written: its size in bytes and its digest."""

    size: int
    sha256: str


class _Measured(File):  # type: ignore[type-arg]
    """Counts and hashes what passes through, and refuses what is over the limit.

    A storage may ask for chunks (the local one) or read (S3); both end in `read`.
    """

    def __init__(self, file: Any, name: str, *, limit: int) -> None:
        super().__init__(file, name)
        self._source = file
        self._limit = limit
        self._digest = hashlib.sha256()
        self.measured = 0

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        self.seek(0)
        while data := self.read(chunk_size or self.DEFAULT_CHUNK_SIZE):
            yield data

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._source.read(size)
        self.measured += len(data)
        if self.measured > self._limit:
            raise too_large(self.name or "")
        self._digest.update(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        if (offset, whence) != (0, 0):
            raise ValueError("Only a rewind keeps the measure right.")
        self._source.seek(0)
        self.measured, self._digest = 0, hashlib.sha256()
        return 0

    def seekable(self) -> bool:
        return False

    def result(self) -> StoredFile:
        return StoredFile(self.measured, self._digest.hexdigest())


class Reservation:
    """A path that is being written; unless it is kept, its file is removed."""

    def __init__(self, path: str) -> None:
        self._entry = FileDeletion.objects.create(
            path=path, not_before=timezone.now() + RESERVATION
        )
        passing(FaultPoint.UPLOAD_RESERVED)

    def write(self, file: Any, *, filename: str) -> StoredFile:
        """Store the file durably; `filename` is for the error alone.

        Raises:
            TooLarge: it has more than `MAX_UPLOAD_BYTES`; what was written is removed.
        """
        content = _Measured(file, filename, limit=settings.MAX_UPLOAD_BYTES)
        stored = default_storage.save(self._entry.path, content)
        if stored != self._entry.path:
            default_storage.delete(stored)
            raise Unavailable("The file could not be stored. Please try again.")
        return content.result()

    def keep(self) -> None:
        """Give the file to its document; call it in the transaction that adds the document.

        Raises:
            Unavailable: the reservation ran out and the sweeper took the file.
        """
        kept, _ = FileDeletion.objects.filter(
            pk=self._entry.pk, not_before=self._entry.not_before
        ).delete()
        if not kept:
            default_storage.delete(self._entry.path)
            raise Unavailable("The upload took too long. Please try again.")


@contextlib.contextmanager
def reserved(path: str) -> Iterator[Reservation]:
    """Reserve a path for the block; the file goes again when the block fails."""
    reservation = Reservation(path)
    try:
        yield reservation
    except BaseException:
        # The journal decides: had the document been committed after all, its entry would be gone.
        remove([path])
        raise


def forget(paths: Sequence[str]) -> None:
    """Note files whose rows go; call it in the transaction that removes the rows."""
    FileDeletion.objects.bulk_create([FileDeletion(path=path) for path in paths])


def remove(paths: Sequence[str]) -> int:
    """Remove files that stand in the journal, and their entries; return how many went."""
    return _remove(FileDeletion.objects.filter(path__in=paths))


def remove_due(*, limit: int = 1_000) -> int:
    """Remove what crashed or failed removals and uploads left; return how many files went."""
    return _remove(FileDeletion.objects.due(timezone.now())[:limit])


def _remove(entries: FileDeletionQuerySet) -> int:
    """Remove files; where that fails the entry stays for a later try."""
    # The claim changes the date, by which an upload knows its reservation: either the upload
    # keeps the file or this removes it. No transaction is open while the storage works.
    with transaction.atomic():
        claimed = list(entries.select_for_update())
        keys = [entry.pk for entry in claimed]
        again = timezone.now() + RETRY_AFTER
        FileDeletion.objects.filter(pk__in=keys).update(not_before=again)
    passing(FaultPoint.REMOVAL_CLAIMED)
    gone = [entry.pk for entry in claimed if _is_removed(entry.path)]
    sync = getattr(default_storage, "sync_removals", None)  # a storage elsewhere needs none
    if gone and sync is not None:
        sync()
    passing(FaultPoint.REMOVAL_FILE_GONE)
    FileDeletion.objects.filter(pk__in=gone).delete()
    return len(gone)


def _is_removed(path: str) -> bool:
    try:
        default_storage.delete(path)
    except Exception:  # Each storage has errors of its own, and one file must not keep the others.
        logger.exception("file removal failed", extra={"file": path})
        return False
    return True
