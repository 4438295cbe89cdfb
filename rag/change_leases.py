"""Who works on a change of the embedding model, until when: two runners never do the same work."""

import datetime
import threading
import uuid
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from rag.models import ModelChange, OrganizationIndex
from rag.querysets import ModelChangeQuerySet

# A change that was taken up so often without a batch being written stops the process each time.
MAX_ATTEMPTS = 5
TOO_MANY_ATTEMPTS = f"It stopped the process that worked on it {MAX_ATTEMPTS} times."


class LeaseLost(Exception):
    """The change was cancelled, its organization suspended, or another runner took it over."""


class ChangeLease:
    """The right to work on one change; renewed by a thread for the length of a `with` block."""

    def __init__(self, change_id: int, organization_id: uuid.UUID, token: uuid.UUID) -> None:
        self.change_id = change_id
        self._organization_id = organization_id
        self._token = token
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="change-lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        ModelChange.objects.filter(pk=self.change_id, lease_token=self._token).update(
            lease_token=None, lease_expires_at=None, attempts=0
        )

    def lock(self) -> ModelChange:
        """Return the row, locked for the caller's transaction together with the index.

        Whoever starts or cancels a change, or publishes, waits meanwhile.

        Raises:
            LeaseLost: nothing may be written.
        """
        OrganizationIndex.objects.select_for_update().filter(pk=self._organization_id).first()
        change = self._held().select_for_update(of=("self",)).first()
        if change is None:
            raise LeaseLost
        return change

    def _held(self) -> ModelChangeQuerySet:
        held = ModelChange.objects.filter(pk=self.change_id, lease_token=self._token)
        return held.open().in_service()

    def _renew(self) -> None:
        try:
            while not self._stop.wait(settings.INGEST_LEASE_S / 3):
                try:
                    self._held().update(lease_expires_at=_lease_end())
                except OperationalError:
                    continue  # the database is busy; the next turn comes before the lease ends
        finally:
            connection.close()  # this thread has one of its own


def claim(change_id: int) -> ChangeLease | None:
    """Take the lease of an open change; None when somebody has it or the change has ended."""
    now = timezone.now()
    token = uuid.uuid4()
    with transaction.atomic():
        change = ModelChange.objects.filter(pk=change_id).first()
        if change is None:
            return None
        free = ModelChange.objects.open().in_service().free(now).filter(pk=change_id)
        taken = free.filter(attempts__lt=MAX_ATTEMPTS).update(
            lease_token=token,
            lease_expires_at=_lease_end(),
            attempts=F("attempts") + 1,
            queued_at=None,
        )
    return ChangeLease(change_id, change.organization_id, token) if taken else None


def give_up(change_id: int) -> bool:
    """End a change that processes keep dying with, in the caller's transaction; tell whether so."""
    free = ModelChange.objects.open().in_service().free(timezone.now()).filter(pk=change_id)
    ended = free.filter(attempts__gte=MAX_ATTEMPTS).update(
        status=ModelChange.Status.FAILED, error=TOO_MANY_ATTEMPTS
    )
    return bool(ended)


def _lease_end() -> datetime.datetime:
    return timezone.now() + datetime.timedelta(seconds=settings.INGEST_LEASE_S)
