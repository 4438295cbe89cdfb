"""Who works on which document, until when: a worker that lost its lease can't write any more."""

import datetime
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from documents.exceptions import DocumentFailure
from documents.fair_order import Passed, Person, next_documents, person_of
from documents.models import Document
from documents.querysets import DocumentQuerySet

TOO_MANY_ATTEMPTS = (
    "Reading this file stopped the worker {attempts} times. It may be damaged: "
    "open and save it again, then upload the new file."
)

# Bytes of the files that are taken together beyond the first few; one claim costs as much as
# reading several small texts, while each large file is better left for whoever is free.
SMALL_TOGETHER = 256 * 1024
_MOST_WARNINGS = 50
_LONGEST_WARNING = 1_000


@dataclass(frozen=True)
class Lease:
    """The right to work on one document.

    Attributes:
        token: what the row holds while the lease is good.
        person: whose document it is.
        attempt: from 1.
        is_suspect: whether workers died with it before; nothing else may be in work beside it, so
            that no other document is given up for its fault.
        request_id: of the upload, for the log.
    """

    document_id: uuid.UUID
    token: uuid.UUID
    person: Person
    attempt: int
    is_suspect: bool
    request_id: str


def claim(
    *,
    limit: int,
    of_any_size: int | None = None,
    first: uuid.UUID | None = None,
    passed: Passed | None = None,
) -> list[Lease]:
    """Take up to `limit` documents in the order of their turns, or one suspect alone.

    Args:
        limit: at least 1.
        of_any_size: so many however large they are, and more only while all are small together;
            None for all.
        first: taken before the others, if it waits.
        passed: whose documents are left for another time.

    Returns:
        None only when nothing waits.
    """
    now = timezone.now()
    while chosen := _chosen(now, limit, first, passed):
        chosen = _small_together(chosen, limit if of_any_size is None else of_any_size)
        if claimed := _take(chosen):
            return claimed
        first = None  # what was chosen is with others or given up now; there may be more
    return []


def _chosen(
    now: datetime.datetime, limit: int, first: uuid.UUID | None, passed: Passed | None
) -> list[Document]:
    ahead = list(Document.objects.claimable(now).filter(pk=first)) if first is not None else []
    in_turn = next_documents(now, limit=limit, passed=passed)
    return [*ahead, *(document for document in in_turn if document.pk != first)][:limit]


def _small_together(chosen: list[Document], of_any_size: int) -> list[Document]:
    sizes = accumulate(document.size for document in chosen)
    small = sum(1 for size in sizes if size <= SMALL_TOGETHER)
    return chosen[: max(of_any_size, small)]


@transaction.atomic
def _take(chosen: Iterable[Document]) -> list[Lease]:
    """Give out leases; documents that have used up their attempts fail instead."""
    claimed: list[Lease] = []
    for document in chosen:
        same = _as_it_was(document)
        if document.attempts >= settings.INGEST_MAX_ATTEMPTS:
            _give_up(same, document)
            continue
        lease = Lease(
            document.pk,
            uuid.uuid4(),
            person_of(document),
            document.attempts + 1,
            _is_suspect(document),
            document.request_id,
        )
        if lease.is_suspect and claimed:
            break  # it gets its turn alone
        taken = same.update(
            status=Document.Status.PROCESSING,
            stage=Document.Stage.EXTRACTING,
            progress=0,
            attempts=lease.attempt,
            lease_token=lease.token,
            lease_expires_at=_lease_end(),
            next_attempt_at=None,
        )
        if taken:
            claimed.append(lease)
            if lease.is_suspect:
                break
    return claimed


def _as_it_was(document: Document) -> DocumentQuerySet:
    """Return the document if nobody has claimed, renewed, retried or replaced it meanwhile."""
    return Document.objects.filter(
        pk=document.pk,
        status=document.status,
        attempts=document.attempts,
        lease_token=document.lease_token,
        lease_expires_at=document.lease_expires_at,
    )


def _is_suspect(document: Document) -> bool:
    """Tell whether a worker died with it after half of its attempts.

    Not after the first: a worker that is stopped leaves some dozens of innocent ones behind.
    """
    was_left = document.status == Document.Status.PROCESSING
    return was_left and 2 * document.attempts >= settings.INGEST_MAX_ATTEMPTS


def extend(leases: Iterable[Lease]) -> None:
    """Renew the leases that are still good."""
    _held(leases).update(lease_expires_at=_lease_end())


def report(leases: Iterable[Lease], *, stage: Document.Stage, progress: int) -> None:
    """Show how far the documents are, in per cent."""
    _held(leases).update(stage=stage, progress=progress, lease_expires_at=_lease_end())


def fail(lease: Lease, failure: DocumentFailure) -> bool | None:
    """Record why it failed.

    What may pass by itself waits twice as long after each attempt, and then gives up.

    Returns:
        Whether it will be tried again; None when the lease was lost or the document deleted, and
        nothing is recorded.
    """
    again = not failure.counts or (
        failure.may_pass and lease.attempt < settings.INGEST_MAX_ATTEMPTS
    )
    attempts = lease.attempt if failure.counts else lease.attempt - 1
    wait = datetime.timedelta(seconds=settings.INGEST_BACKOFF_S * 2 ** (lease.attempt - 1))
    held = _held([lease]).update(
        status=Document.Status.UPLOADED if again else Document.Status.FAILED,
        stage=Document.Stage.NONE,
        progress=0,
        attempts=attempts,
        error_code=failure.code,
        error_message=failure.message,
        lease_token=None,
        lease_expires_at=None,
        next_attempt_at=timezone.now() + wait if again else None,
    )
    return again if held else None


def lock(leases: Iterable[Lease]) -> list[Document]:
    """Return the rows whose lease is still good, locked for the transaction that publishes.

    A worker that slept past its lease finds another's token here, and writes nothing.
    """
    return list(_held(leases).select_for_update())


def reopen(document: Document, *, request_id: str) -> None:
    """Put a locked document that has failed back to its beginning, with all its attempts.

    Args:
        request_id: of the request that asks for it, for the log.
    """
    document.status, document.stage = Document.Status.UPLOADED, Document.Stage.NONE
    document.progress = document.attempts = 0
    document.error_code = document.error_message = ""
    document.warnings = []
    document.lease_token = document.lease_expires_at = document.next_attempt_at = None
    document.request_id = request_id
    document.save()


def complete(
    document: Document,
    *,
    title: str,
    page_count: int,
    chunk_count: int,
    warnings: Sequence[str] = (),
) -> None:
    """Mark the locked document as completed; `warnings` say what of it could not be read."""
    Document.objects.filter(pk=document.pk).update(
        status=Document.Status.COMPLETED,
        stage=Document.Stage.NONE,
        progress=100,
        error_code="",
        error_message="",
        title=title,
        dated_on=document.dated_on,
        dated_by=document.dated_by,
        page_count=page_count,
        chunk_count=chunk_count,
        warnings=[said[:_LONGEST_WARNING] for said in warnings[:_MOST_WARNINGS]],
        completed_at=timezone.now(),
        lease_token=None,
        lease_expires_at=None,
        next_attempt_at=None,
    )


def _give_up(same: DocumentQuerySet, document: Document) -> None:
    same.update(
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


def _held(leases: Iterable[Lease]) -> DocumentQuerySet:
    """Return what the leases are still good for: a suspension ends them like a later worker does.

    When it is lifted, the documents are taken up again once their time has run out.
    """
    tokens = [lease.token for lease in leases]
    return Document.objects.in_service().filter(lease_token__in=tokens)
