"""Who works on which document, until when: a worker that lost its lease can't write any more."""

import datetime
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from documents.exceptions import DocumentFailure
from documents.models import Document
from documents.querysets import DocumentQuerySet

TOO_MANY_ATTEMPTS = (
    "Reading this file stopped the worker {attempts} times. It may be damaged: "
    "open and save it again, then upload the new file."
)


@dataclass(frozen=True)
class Lease:
    """The right to work on one document.

    Attributes:
        token: what the row holds while the lease is good.
        attempt: from 1.
        request_id: of the upload, for the log.
    """

    document_id: uuid.UUID
    token: uuid.UUID
    attempt: int
    request_id: str


def claim(*, limit: int, first: uuid.UUID | None = None) -> list[Lease]:
    """Take up to `limit` documents that wait, `first` before others, fairly between people.

    Everybody's oldest document comes before anybody's second, so that one page does not wait
    behind a colleague's five thousand.
    """
    now = timezone.now()
    turn = Window(
        RowNumber(),
        partition_by=[F("organization_id"), F("uploaded_by_id")],
        order_by=[F("created_at"), F("pk")],
    )
    with transaction.atomic():
        waiting = Document.objects.claimable(now).annotate(turn=turn).order_by("turn", "created_at")
        chosen = list(waiting[:limit])
        if first is not None and all(document.pk != first for document in chosen):
            chosen = list(Document.objects.claimable(now).filter(pk=first)) + chosen[: limit - 1]
        leases = []
        for document in chosen:
            if document.attempts >= settings.INGEST_MAX_ATTEMPTS:
                _give_up(document)
                continue
            lease = Lease(document.pk, uuid.uuid4(), document.attempts + 1, document.request_id)
            taken = (
                Document.objects.claimable(now)
                .filter(pk=document.pk)
                .update(
                    status=Document.Status.PROCESSING,
                    stage=Document.Stage.EXTRACTING,
                    progress=0,
                    attempts=lease.attempt,
                    lease_token=lease.token,
                    lease_expires_at=_lease_end(),
                    next_attempt_at=None,
                )
            )
            if taken:
                leases.append(lease)
    return leases


def extend(leases: Iterable[Lease]) -> None:
    """Renew the leases that are still good."""
    _held(leases).update(lease_expires_at=_lease_end())


def report(leases: Iterable[Lease], *, stage: Document.Stage, progress: int) -> None:
    """Show how far the documents are, in per cent."""
    _held(leases).update(stage=stage, progress=progress, lease_expires_at=_lease_end())


def fail(lease: Lease, failure: DocumentFailure) -> bool:
    """Record why it failed; return whether it will be tried again.

    What may pass by itself waits twice as long after each attempt, and then gives up.
    """
    again = failure.may_pass and lease.attempt < settings.INGEST_MAX_ATTEMPTS
    wait = datetime.timedelta(seconds=settings.INGEST_BACKOFF_S * 2 ** (lease.attempt - 1))
    _held([lease]).update(
        status=Document.Status.UPLOADED if again else Document.Status.FAILED,
        stage=Document.Stage.NONE,
        progress=0,
        error_code=failure.code,
        error_message=failure.message,
        lease_token=None,
        lease_expires_at=None,
        next_attempt_at=timezone.now() + wait if again else None,
    )
    return again


def lock(lease: Lease) -> Document | None:
    """Return the row for the transaction that publishes; None when the lease or the row is gone.

    A worker that slept past its lease finds another's token here, and writes nothing.
    """
    return Document.objects.select_for_update().filter(**_key(lease)).first()


def complete(document: Document, *, title: str, page_count: int, chunk_count: int) -> None:
    """Mark the locked document as completed."""
    Document.objects.filter(pk=document.pk).update(
        status=Document.Status.COMPLETED,
        stage=Document.Stage.NONE,
        progress=100,
        error_code="",
        error_message="",
        title=title,
        page_count=page_count,
        chunk_count=chunk_count,
        completed_at=timezone.now(),
        lease_token=None,
        lease_expires_at=None,
        next_attempt_at=None,
    )


def _give_up(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(
        status=Document.Status.FAILED,
        stage=Document.Stage.NONE,
        error_code="too_many_attempts",
        error_message=document.error_message
        or TOO_MANY_ATTEMPTS.format(attempts=document.attempts),
        lease_token=None,
        lease_expires_at=None,
    )


def _lease_end() -> datetime.datetime:
    return timezone.now() + datetime.timedelta(seconds=settings.INGEST_LEASE_S)


def _key(lease: Lease) -> dict[str, uuid.UUID]:
    return {"pk": lease.document_id, "lease_token": lease.token}


def _held(leases: Iterable[Lease]) -> DocumentQuerySet:
    return Document.objects.filter(lease_token__in=[lease.token for lease in leases])
