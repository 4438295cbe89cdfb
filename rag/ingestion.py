"""The pipeline: extract -> chunk -> embed -> publish, for as many documents as wait.

While the model computes, the next documents are read ahead and the last ones are written, each in
threads of their own. Documents are embedded together across their borders, so that many small ones
cost little more than one large one.
"""

import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from logging import getLogger
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import OperationalError, connection

from documents import leases
from documents.chunking import chunk_pages
from documents.exceptions import DocumentFailure
from documents.extraction.base import ExtractedDocument
from documents.extraction.runner import extract_file
from documents.leases import Lease
from documents.models import Document
from knowledge.lib import context
from knowledge.lib.faults import FaultPoint, passing
from rag.embedding.base import Vectors
from rag.embedding.registry import get_embedder
from rag.heartbeat import Heartbeat
from rag.index.versions import get_state
from rag.publishing import Job, publish

logger = getLogger("knowledge.ingestion")

# Leases taken in one go, and documents read ahead of the model.
CLAIM_SIZE = 16
READ_AHEAD = 16
# Chunks embedded in one call: enough for batches of like length, few enough to show progress.
EMBED_SIZE = 256

UNEXPECTED = "Something went wrong on our side while reading this file. It will be tried again."
BUSY = "The system was busy. The file will be tried again."


def ingest_waiting(*, first: uuid.UUID | None = None, seconds: float = 600.0) -> int:
    """Ingest what waits, `first` before others, until none is left or the time is over.

    Returns:
        How many documents were taken, completed and failed ones together.
    """
    with (
        Heartbeat() as heartbeat,
        ThreadPoolExecutor(2, "read") as readers,
        ThreadPoolExecutor(1, "publish") as publisher,
    ):
        claims = _Claims(first=first, seconds=seconds, heartbeat=heartbeat)
        publishing: Future[None] | None = None
        for jobs in _batches(_read_ahead(iter(claims), readers, heartbeat)):
            embedded = _embed(jobs)
            passing(FaultPoint.INGEST_EMBEDDED)
            if publishing is not None:
                publishing.result()  # one batch at most waits for the disk
            publishing = publisher.submit(_publish_all, embedded, heartbeat)
        if publishing is not None:
            publishing.result()
    return claims.taken


class _Claims:
    """The leases of what waits, taken a few at a time, so that a newcomer's turn comes soon."""

    def __init__(self, *, first: uuid.UUID | None, seconds: float, heartbeat: Heartbeat) -> None:
        self.taken = 0
        self._first = first
        self._deadline = time.monotonic() + seconds
        self._heartbeat = heartbeat

    def __iter__(self) -> Iterator[Lease]:
        while time.monotonic() < self._deadline:
            claimed = leases.claim(limit=CLAIM_SIZE, first=self._first)
            if not claimed:
                return
            self._first = None
            self.taken += len(claimed)
            self._heartbeat.watch(claimed)
            passing(FaultPoint.INGEST_CLAIMED)
            yield from claimed


def _read_ahead(
    claims: Iterator[Lease], readers: ThreadPoolExecutor, heartbeat: Heartbeat
) -> Iterator[Job]:
    """Yield the documents that could be read, in order, reading a few ahead."""
    running: deque[tuple[Lease, Future[Job | None]]] = deque()
    while True:
        while len(running) < READ_AHEAD and (lease := next(claims, None)) is not None:
            running.append((lease, readers.submit(_read, lease)))
        if not running:
            return
        lease, reading = running.popleft()
        job = reading.result()
        if job is None:
            heartbeat.forget([lease])
        else:
            yield job


def _read(lease: Lease) -> Job | None:
    """Extract and chunk one document; a failure is recorded on its row."""
    started = time.monotonic()
    try:
        with _log_context(lease):
            try:
                document = Document.objects.filter(pk=lease.document_id).first()
                if document is None:
                    return None  # deleted meanwhile
                extracted = _extract(document)
                document.title = extracted.title[:255]
                chunks = chunk_pages(
                    extracted.pages, size=settings.CHUNK_SIZE, overlap=settings.CHUNK_OVERLAP
                )
                if not chunks:
                    raise DocumentFailure("This file has no text in it.", code="empty")
                passing(FaultPoint.INGEST_READ)
                model = get_state(document.organization_id).model
                return Job(lease, document, extracted, chunks, model, started)
            except Exception as error:  # the task's edge: recorded on the row and shown
                _record_failure(lease, error)
                return None
    finally:
        connection.close()  # each reader thread has one of its own


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


def _batches(jobs: Iterator[Job]) -> Iterator[list[Job]]:
    """Group documents of one model until their chunks fill one call of it."""
    batch: list[Job] = []
    for job in jobs:
        if batch and job.model != batch[0].model:
            yield batch
            batch = []
        batch.append(job)
        if sum(len(job.chunks) for job in batch) >= EMBED_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch


def _embed(jobs: Sequence[Job]) -> Sequence[Job]:
    """Give each document its vectors; return those that have them."""
    try:
        vectors = _vectors(jobs)
    except Exception as error:  # the task's edge
        for job in jobs:
            _record_failure(job.lease, error)
        return []
    first = 0
    for job in jobs:
        job.vectors = vectors[first : first + len(job.chunks)]
        first += len(job.chunks)
    return jobs


def _vectors(jobs: Sequence[Job]) -> Vectors:
    """Embed the chunks of all documents together, and show how far it is."""
    embedder = get_embedder(jobs[0].model)
    texts = [
        embedding_text(job.document.display_title, chunk.heading, chunk.text)
        for job in jobs
        for chunk in job.chunks
    ]
    held = [job.lease for job in jobs]
    parts = []
    for start in range(0, len(texts), EMBED_SIZE):
        percent = 10 + 85 * start // len(texts)
        leases.report(held, stage=Document.Stage.EMBEDDING, progress=percent)
        parts.append(embedder.embed_passages(texts[start : start + EMBED_SIZE]))
    return np.concatenate(parts)


def _publish_all(jobs: Sequence[Job], heartbeat: Heartbeat) -> None:
    """Publish each document; a failure is recorded on its row."""
    try:
        for job in jobs:
            with _log_context(job.lease):
                try:
                    if publish(job):
                        _log_published(job)
                except Exception as error:  # the task's edge
                    _record_failure(job.lease, error)
        heartbeat.forget([job.lease for job in jobs])
    finally:
        connection.close()  # this thread has one of its own


def embedding_text(title: str, heading: str, text: str) -> str:
    """Return what is embedded for a chunk: its words under their headings, cut to spare tokens."""
    above = " > ".join(part for part in (title[:80], heading[-120:]) if part)
    return f"{above}\n{text}" if above else text


def _record_failure(lease: Lease, error: Exception) -> None:
    if isinstance(error, DocumentFailure):
        failure = error
    elif isinstance(error, OperationalError):  # locked for longer than the busy time-out
        failure = DocumentFailure(BUSY, code="busy", may_pass=True)
    else:
        failure = DocumentFailure(UNEXPECTED, code="unexpected", may_pass=True)
        logger.error("ingestion error", exc_info=error)
    again = leases.fail(lease, failure)
    logger.warning(
        "document failed",
        extra={
            "document_id": str(lease.document_id),
            "code": failure.code,
            "attempt": lease.attempt,
            "again": again,
        },
    )


def _log_published(job: Job) -> None:
    logger.info(
        "document completed",
        extra={
            "document_id": str(job.document.pk),
            "pages": len(job.extracted.pages),
            "chunks": len(job.chunks),
            "bytes": job.document.size,
            "ms": round((time.monotonic() - job.started) * 1000),
        },
    )


def _log_context(lease: Lease) -> AbstractContextManager[context.RequestContext]:
    """Log under the id of the upload's request."""
    return context.bind(context.RequestContext(request_id=lease.request_id))
