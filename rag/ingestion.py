"""The pipeline: extract -> chunk -> embed -> publish, for as many documents as wait.

Documents are read ahead in a thread while the model computes, and embedded together across their
borders, so that many small ones cost little more than one large one.
"""

import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import OperationalError, connection, transaction

from documents import leases
from documents.chunking import Chunk, chunk_pages
from documents.exceptions import DocumentFailure
from documents.extraction.base import ExtractedDocument
from documents.extraction.runner import extract_file
from documents.leases import Lease
from documents.models import Document, DocumentChunk, Page
from knowledge.lib import context
from rag.embedding.base import Vectors
from rag.embedding.registry import get_embedder
from rag.heartbeat import Heartbeat
from rag.index.registry import get_lexical_index
from rag.index.versions import get_state, record_changes
from rag.models import ChunkEmbedding

logger = getLogger("knowledge.ingestion")

# Leases taken in one go, and documents read ahead of the model.
CLAIM_SIZE = 16
READ_AHEAD = 8
# Chunks embedded in one call: enough for batches of like length, few enough to show progress.
EMBED_SIZE = 256

UNEXPECTED = "Something went wrong on our side while reading this file. It will be tried again."
BUSY = "The system was busy. The file will be tried again."


@dataclass
class Job:
    """One document on its way through the pipeline."""

    lease: Lease
    document: Document
    extracted: ExtractedDocument
    chunks: list[Chunk]
    started: float
    vectors: Vectors | None = None


def ingest_waiting(*, first: uuid.UUID | None = None, seconds: float = 600.0) -> int:
    """Ingest what waits, `first` before others, until none is left or the time is over.

    Returns:
        How many documents were taken, completed and failed ones together.
    """
    deadline = time.monotonic() + seconds
    taken = 0
    with Heartbeat() as heartbeat, ThreadPoolExecutor(2, "extract") as readers:
        while time.monotonic() < deadline:
            claimed = leases.claim(limit=CLAIM_SIZE, first=first)
            if not claimed:
                break
            taken += len(claimed)
            heartbeat.watch(claimed)
            for jobs in _batches(_read_ahead(claimed, readers)):
                _embed_and_publish(jobs)
            heartbeat.forget(claimed)
            first = None
    return taken


def _read_ahead(claimed: Sequence[Lease], readers: ThreadPoolExecutor) -> Iterator[Job]:
    """Yield the documents that could be read, in order, reading a few ahead."""
    waiting = deque(claimed)
    running: deque[Future[Job | None]] = deque()
    while waiting or running:
        while waiting and len(running) < READ_AHEAD:
            running.append(readers.submit(_read, waiting.popleft()))
        job = running.popleft().result()
        if job is not None:
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
                return Job(lease, document, extracted, chunks, started)
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
    """Group documents until their chunks fill one call of the model."""
    batch: list[Job] = []
    for job in jobs:
        batch.append(job)
        if sum(len(job.chunks) for job in batch) >= EMBED_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch


def _embed_and_publish(jobs: Sequence[Job]) -> None:
    try:
        _embed(jobs)
    except Exception as error:  # the task's edge
        for job in jobs:
            _record_failure(job.lease, error)
        return
    for job in jobs:
        with _log_context(job.lease):
            try:
                if publish(job):
                    _log_published(job)
            except Exception as error:  # the task's edge
                _record_failure(job.lease, error)


def _embed(jobs: Sequence[Job]) -> None:
    """Embed the chunks of all documents, and hand each its vectors."""
    embedder = get_embedder(get_state(jobs[0].document.organization_id).model)
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
    vectors = np.concatenate(parts)
    first = 0
    for job in jobs:
        job.vectors = vectors[first : first + len(job.chunks)]
        first += len(job.chunks)


def embedding_text(title: str, heading: str, text: str) -> str:
    """Return what is embedded for a chunk: its words under their headings, cut to spare tokens."""
    above = " > ".join(part for part in (title[:80], heading[-120:]) if part)
    return f"{above}\n{text}" if above else text


def publish(job: Job) -> bool:
    """Write pages, chunks, embeddings, words, version and status in one transaction.

    Returns:
        False when the document was deleted or another worker took it over: nothing is written.
    """
    if job.vectors is None:
        raise ValueError("publish before embed")
    organization_id = job.document.organization_id
    with transaction.atomic():
        document = leases.lock(job.lease)
        if document is None:
            return False
        get_lexical_index().remove(organization_id, [document.pk])
        DocumentChunk.objects.filter(document=document).delete()
        Page.objects.filter(document=document).delete()
        Page.objects.bulk_create(
            Page(document=document, number=page.number, text=page.text)
            for page in job.extracted.pages
        )
        chunks = DocumentChunk.objects.bulk_create(
            DocumentChunk(
                document=document,
                chunk_index=chunk.index,
                page=chunk.page,
                start=chunk.start,
                end=chunk.end,
                heading=chunk.heading,
                text=chunk.text,
            )
            for chunk in job.chunks
        )
        model = get_state(organization_id).model
        ChunkEmbedding.objects.bulk_create(
            ChunkEmbedding(
                organization_id=organization_id,
                document=document,
                chunk=chunk,
                model=model,
                vector=vector.astype("<f4").tobytes(),
            )
            for chunk, vector in zip(chunks, job.vectors, strict=True)
        )
        get_lexical_index().add(organization_id, chunks, job.document.display_title)
        record_changes(organization_id, [document.pk])
        leases.complete(
            document,
            title=job.document.title,
            page_count=len(job.extracted.pages),
            chunk_count=len(chunks),
        )
    return True


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
