"""The first steps of ingestion: documents are claimed and read in threads, ahead of the model."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from logging import getLogger
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Self

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import OperationalError, connection

from documents import leases
from documents.attachments import store_attachments
from documents.chunking import chunk_pages
from documents.document_dates import date_document
from documents.exceptions import DocumentFailure
from documents.extraction.base import ExtractedDocument
from documents.extraction.runner import extract_file
from documents.fair_order import Passed
from documents.leases import Lease
from documents.models import Document
from knowledge.lib.faults import FaultPoint, passing
from rag.chunk_vectors import fullness
from rag.document_failures import record_failure, request_of
from rag.fair_batches import FairBatches, Slice, Work
from rag.heartbeat import Heartbeat
from rag.index.versions import get_state
from rag.publishing import Job

logger = getLogger("knowledge.ingestion")

# Files read at once. One person has two of them at most and one organization three, so that files
# that take minutes keep nobody else waiting.
READERS = 4
READERS_A_PERSON = 2
READERS_AN_ORGANIZATION = 3
# Chunks read ahead of the model; while so many wait, only newcomers' documents are read.
AHEAD = 512
# Documents taken in one go: some of any size, more of small ones.
CLAIM_SIZE = 4
CLAIM_SIZE_OF_SMALL = 24
# How often the readers look for newcomers while they have nothing to do, and how long the model
# waits for a batch to fill up.
LOOK_EVERY_S = 0.5
FILL_UP_S = 0.05


class ReadAhead:
    """Threads that claim and read what waits, for the length of a `with` block.

    Every lease stays in hand from its claim until `finish`.

    Attributes:
        taken: how many documents were claimed.
    """

    def __init__(
        self, *, heartbeat: Heartbeat, first: uuid.UUID | None = None, seconds: float
    ) -> None:
        self.taken = 0
        self._heartbeat = heartbeat
        self._first = first
        self._deadline = time.monotonic() + seconds
        self._changed = threading.Condition()
        self._claiming = threading.Lock()
        self._in_vain: tuple[float, Passed | None] = (0.0, None)
        self._claimed: list[Lease] = []
        self._reading: list[Lease] = []
        self._batches = FairBatches()
        self._models: dict[uuid.UUID, str] = {}
        self._in_hand: dict[uuid.UUID, Lease] = {}
        self._is_over = False
        self._error: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._run, name=f"read {number}", daemon=True)
            for number in range(READERS)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._is_over = True
            self._claimed.clear()  # only after an error; their leases run out
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._heartbeat.forget(self._in_hand.values())

    def next_batch(self, size: int) -> list[Slice]:
        """Wait for chunks, and return up to `size` for one call of the model.

        Returns:
            Nothing when every document is done and none waits.
        """
        with self._changed:
            while not self._is_done() and (waiting := self._batches.chunks) < size:
                # A file that takes minutes must not keep the chunks of others from the model.
                patience = FILL_UP_S if waiting else LOOK_EVERY_S
                if not self._wait_for_more(than=waiting, seconds=patience) and waiting:
                    break
            if self._error is not None:
                raise self._error  # the leases in hand end with the heartbeat
            return self._batches.next(size)

    def _wait_for_more(self, *, than: int, seconds: float) -> bool:
        """Wait until other chunks wait than these, or none will; False when the time is over."""
        return self._changed.wait_for(
            lambda: self._batches.chunks != than or self._is_done(), seconds
        )

    def _is_done(self) -> bool:
        return self._error is not None or (self._is_over and not self._in_hand)

    def finish(self, lease: Lease) -> None:
        """Let go of a document that is published or failed."""
        self._heartbeat.forget([lease])
        with self._changed:
            self._in_hand.pop(lease.token, None)
            self._changed.notify_all()

    def drop(self, work: Work, error: Exception) -> None:
        """Record why a document failed, and let go of it."""
        with self._changed:
            self._batches.drop(work)
        record_failure(work.job.lease, error)
        self.finish(work.job.lease)

    # --- the threads ----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while (lease := self._next_lease()) is not None:
                job = read(lease, self._model_of)
                with self._changed:
                    self._reading.remove(lease)
                    if job is not None:
                        self._batches.add(Work(job))
                    self._changed.notify_all()
                if job is None:
                    self.finish(lease)
        except BaseException as error:  # the thread's edge: `next_batch` raises it
            with self._changed:
                self._error = error
                self._changed.notify_all()
        finally:
            connection.close()  # each thread has one of its own

    def _next_lease(self) -> Lease | None:
        """Return what this thread reads next; None when nothing waits and nothing is in hand."""
        while True:
            with self._claiming:
                if not self._is_over and not self._suitable():
                    self._claim()
            with self._changed:
                if found := self._suitable():
                    self._claimed.remove(found)
                    self._reading.append(found)
                    return found
                if not self._in_hand and not self._claiming.locked():
                    self._is_over = True
                    self._changed.notify_all()
                if self._is_over and not self._claimed:
                    return None
                self._changed.wait(LOOK_EVERY_S)

    def _suitable(self) -> Lease | None:
        """Return a claimed document that may be read now."""
        with self._changed:
            passed = self._passed()
            for lease in self._claimed:
                alone = len(self._in_hand) == 1
                if lease.is_suspect and not alone:
                    return None
                if not passed.skips(lease.person) or lease.is_suspect:
                    return lease
            return None

    def _claim(self) -> None:
        """Claim some of what waits, unless the time is over or a suspect is in hand."""
        with self._changed:
            if time.monotonic() >= self._deadline:
                self._is_over = True
                return
            if any(lease.is_suspect for lease in self._in_hand.values()):
                return
            passed, first = self._passed(), self._first
        if self._in_vain[1] == passed and time.monotonic() < self._in_vain[0]:
            return
        try:
            claimed = leases.claim(
                limit=CLAIM_SIZE_OF_SMALL, of_any_size=CLAIM_SIZE, first=first, passed=passed
            )
        except OperationalError:
            logger.warning("claim failed", exc_info=True)
            self._is_over = True  # what is in hand is still finished
            return
        self._first = None
        if not claimed:
            self._in_vain = (time.monotonic() + LOOK_EVERY_S, passed)
            return
        self._heartbeat.watch(claimed)
        self._models = {}
        with self._changed:
            self.taken += len(claimed)
            self._in_hand.update((lease.token, lease) for lease in claimed)
            self._claimed += claimed
        passing(FaultPoint.INGEST_CLAIMED)

    def _model_of(self, organization_id: uuid.UUID) -> str:
        """Return the model of an organization's index as of the last claim.

        Publishing looks again: what was embedded with another one is embedded anew.
        """
        models = self._models
        if organization_id not in models:
            models[organization_id] = model_in_use(organization_id)
        return models[organization_id]

    def _passed(self) -> Passed:
        """Return whose documents have to wait: those who keep enough readers busy.

        While enough is read ahead, that is everybody of whom anything is read or being read.
        """
        if self._batches.chunks >= AHEAD:
            waiting = {lease.token for lease in self._claimed}
            begun = (lease for token, lease in self._in_hand.items() if token not in waiting)
            return Passed(people={lease.person for lease in begun})
        theirs = Counter(lease.person for lease in self._reading)
        homes = Counter(lease.person.organization_id for lease in self._reading)
        return Passed(
            people={person for person, count in theirs.items() if count >= READERS_A_PERSON},
            organizations={home for home, n in homes.items() if n >= READERS_AN_ORGANIZATION},
        )


def model_in_use(organization_id: uuid.UUID) -> str:
    """Return the model that an organization's index is of."""
    return get_state(organization_id).model


def read(lease: Lease, model_of: Callable[[uuid.UUID], str] = model_in_use) -> Job | None:
    """Extract and chunk one document; a failure is recorded on its row."""
    started = time.monotonic()
    with request_of(lease):
        try:
            document = Document.objects.filter(pk=lease.document_id).first()
            if document is None:
                return None  # deleted meanwhile
            extracted = _extract(document)
            document.title = extracted.title[:255]
            date_document(document, extracted)
            model = model_of(document.organization_id)
            chunks = chunk_pages(
                extracted.pages,
                size=settings.CHUNK_SIZE,
                overlap=settings.CHUNK_OVERLAP,
                fullness=fullness(model, document),
            )
            if len(chunks) > settings.MAX_DOCUMENT_CHUNKS:
                raise _too_many_chunks()
            if not chunks:
                raise DocumentFailure("This file has no text in it.", code="empty")
            extracted = _with_attachments_stored(lease, document, extracted)
            passing(FaultPoint.INGEST_READ)
            return Job(lease, document, extracted, chunks, model, started)
        except Exception as error:  # the task's edge: recorded on the row and shown
            record_failure(lease, error)
            return None


def _too_many_chunks() -> DocumentFailure:
    limit = settings.MAX_DOCUMENT_CHUNKS
    return DocumentFailure(
        f"This document has more than {limit:,} passages. Split it and upload the parts.",
        code="too_long",
    )


def _extract(document: Document) -> ExtractedDocument:
    """Return the document's text, read from the storage's own file or from a copy of it."""
    name = document.file.name or ""
    try:
        return extract_file(Path(default_storage.path(name)), extension=document.extension)
    except NotImplementedError:
        pass  # a storage elsewhere has no paths
    with (
        NamedTemporaryFile(suffix=f".{document.extension}") as copy,
        default_storage.open(name) as file,
    ):
        for block in file.chunks():
            copy.write(block)
        copy.flush()
        return extract_file(Path(copy.name), extension=document.extension)


def _with_attachments_stored(
    lease: Lease, document: Document, extracted: ExtractedDocument
) -> ExtractedDocument:
    """Make documents of the files inside it; their bytes do not wait in memory for the model."""
    left_out = store_attachments(lease=lease, document=document, attachments=extracted.attachments)
    return replace(extracted, attachments=(), warnings=(*extracted.warnings, *left_out))
