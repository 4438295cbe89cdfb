"""Takes a file in: its bytes stored durably, its row beside them, a worker rung for, or nothing."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import IO, BinaryIO, cast

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django_q.tasks import async_task

from accounts import audit
from accounts.models import Team
from documents import files
from documents.extraction.registry import FileType, detect_type
from documents.labels import Label
from documents.models import Document, DocumentTag, storage_path
from documents.quotas import check_room
from knowledge.lib.faults import FaultPoint, passing

# What type detection may look at; enough to find the parts of an Office file.
_HEAD_BYTES = 64 * 1024


def type_of(name: str, file: File[bytes] | IO[bytes]) -> FileType:
    """Return the type of a file and rewind it.

    Raises:
        UnsupportedType: content and extension are of no accepted type.
    """
    file.seek(0)
    head: bytes = file.read(_HEAD_BYTES)
    file.seek(0)
    return detect_type(name, head, cast(BinaryIO, file))


def take_in(
    *,
    document: Document,
    file: File[bytes] | IO[bytes],
    admit: Callable[[Document], Sequence[Team]],
    tags: Iterable[Label] = (),
    ingest: bool = True,
) -> None:
    """Store a file and the row that describes it.

    Args:
        document: the row, not saved yet; its size and digest are measured here.
        admit: called in the transaction that adds the row, before anything is written in it;
            returns the teams to share with, or raises to have neither row nor file.
        tags: put on the document.
        ingest: ring for a worker after the commit.

    Raises:
        TooLarge: more than `MAX_UPLOAD_BYTES`, or than person or organization may keep.
        Unprocessable: they have as many documents as they may.
    """
    path = document.file.name = storage_path(document, document.filename)
    with files.reserved(path) as reservation:
        stored = reservation.write(file, filename=document.filename)
        passing(FaultPoint.UPLOAD_FILE_STORED)
        document.size, document.sha256 = stored.size, stored.sha256
        with transaction.atomic():
            teams = admit(document)
            check_room(document)
            reservation.keep()
            document.full_clean()
            document.save(force_insert=True)
            document.teams.set(teams)
            DocumentTag.objects.put(tags, on=document)
            _record_upload(document)
            passing(FaultPoint.UPLOAD_ROW_WRITTEN)
            if ingest:
                # Robust: the upload is accepted, and the sweeper finds it when the queue is away.
                transaction.on_commit(lambda: _ring_for(document), robust=True)


def enqueue_ingestion(document_id: uuid.UUID) -> None:
    """Ring for a worker; the row, not the queue, says that there is work."""
    async_task(settings.INGESTION_TASK, str(document_id))


def _ring_for(document: Document) -> None:
    passing(FaultPoint.UPLOAD_COMMITTED)
    enqueue_ingestion(document.pk)


def _record_upload(document: Document) -> None:
    came_with = {
        name: str(key)
        for name, key in (
            ("attached_to", document.attached_to_id),
            ("version_of", document.version_of_id),
        )
        if key
    }
    audit.record(
        action="document.uploaded",
        actor=document.uploaded_by,
        organization=document.organization,
        target=document,
        filename=document.filename,
        size=document.size,
        **came_with,
    )
