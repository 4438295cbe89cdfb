"""Renews the leases of the documents in work while the pipeline computes."""

import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import OperationalError, connection

from documents import leases
from documents.leases import Lease


class Heartbeat:
    """A thread for the length of a `with` block; it dies with the process, and so do the leases."""

    def __init__(self) -> None:
        self._leases: dict[object, Lease] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

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

    def watch(self, claimed: Iterable[Lease]) -> None:
        """Renew these from now on."""
        with self._lock:
            self._leases.update((lease.token, lease) for lease in claimed)

    def forget(self, claimed: Iterable[Lease]) -> None:
        """Stop renewing these."""
        with self._lock:
            for lease in claimed:
                self._leases.pop(lease.token, None)

    def _beat(self) -> None:
        try:
            while not self._stop.wait(settings.INGEST_LEASE_S / 3):
                with self._lock:
                    held = list(self._leases.values())
                if held:
                    self._extend(held)
        finally:
            connection.close()

    def _extend(self, held: list[Lease]) -> None:
        try:
            leases.extend(held)
        except OperationalError:
            return  # the database is busy; the next beat comes before the lease ends
