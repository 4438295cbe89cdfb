"""Renews the leases of the documents in work while the pipeline goes on."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from logging import getLogger
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import OperationalError, connection

from documents import leases
from documents.leases import Lease

logger = getLogger("knowledge.ingestion")


class Heartbeat:
    """A thread for the length of a `with` block; it dies with the process, and so do the leases.

    Args:
        stalled: called once, in the thread, when a step takes longer than `INGEST_STALL_S`: it
            hangs. From then on no lease is renewed, so that another worker takes the documents.
    """

    def __init__(self, stalled: Callable[[], None] | None = None) -> None:
        self._leases: dict[object, Lease] = {}
        self._steps: dict[object, float] = {}
        self._stalled = stalled
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

    @contextmanager
    def step(self) -> Iterator[None]:
        """Mark a piece of work that nothing else bounds: a call of the model, a transaction."""
        step = object()
        with self._lock:
            self._steps[step] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._steps[step]

    def _beat(self) -> None:
        try:
            while not self._stop.wait(settings.INGEST_LEASE_S / 3):
                with self._lock:
                    held = list(self._leases.values())
                    begun = min(self._steps.values(), default=time.monotonic())
                if time.monotonic() - begun > settings.INGEST_STALL_S:
                    self._give_up(held)
                    return
                if held:
                    self._extend(held)
        finally:
            connection.close()

    def _extend(self, held: list[Lease]) -> None:
        try:
            leases.extend(held)
        except OperationalError:
            return  # the database is busy; the next beat comes before the lease ends

    def _give_up(self, held: list[Lease]) -> None:
        logger.error("ingestion stalled", extra={"documents": len(held)})
        if self._stalled is not None:
            self._stalled()
