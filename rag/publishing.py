"""The last step of ingestion: a document's rows become visible all at once, or not at all."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from documents import leases, versions
from documents.chunking import Chunk
from documents.extraction.base import ExtractedDocument
from documents.leases import Lease
from documents.models import Document, DocumentChunk, Page
from documents.removal import delete_text
from knowledge.lib.faults import FaultPoint, passing
from rag import ledger
from rag.chunk_vectors import Embedded
from rag.embedding.counting import EmbeddingCount
from rag.index.registry import get_lexical_index
from rag.index.versions import get_state, record_changes
from rag.models import ChunkEmbedding, UsageRecord


@dataclass
class Job:
    """One document on its way through the pipeline."""

    lease: Lease
    document: Document
    extracted: ExtractedDocument
    chunks: list[Chunk]
    model: str
    started: float
    embedded: Embedded | None = None
    spent: EmbeddingCount = field(default_factory=EmbeddingCount)

    @property
    def target(self) -> uuid.UUID:
        """The document that gets the text: the next version of one is published as that one."""
        return self.document.version_of_id or self.document.pk


class ModelChanged(Exception):
    """Queries use another model by now than the one that a job's vectors are of."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.model = model


def publish(job: Job) -> bool:
    """Publish one document.

    Returns:
        False when the document was deleted or another worker took it over: nothing is written.

    Raises:
        ModelChanged: see `publish_together`.
    """
    return bool(publish_together([job]))


def publish_together(jobs: Sequence[Job]) -> list[Job]:
    """Write pages, chunks, embeddings, words, version and status in one transaction.

    Small documents share one, since each waits for the disk. When it fails nothing of any of them
    is written, and they can be published one by one.

    Args:
        jobs: documents of one organization.

    Returns:
        Those that were published; nothing is written of one that was deleted meanwhile, or taken
        over by another worker.

    Raises:
        ModelChanged: nothing is written; a job has to be embedded with the model in use.
    """
    [organization_id] = {job.document.organization_id for job in jobs}
    with transaction.atomic():
        documents = versions.lock_with_drafts([job.document for job in jobs])
        held = {document.pk: document for document in leases.lock([job.lease for job in jobs])}
        alive = [job for job in jobs if job.document.pk in held]
        # A document that is read for the first time beside its next version is superseded by it.
        alive = [job for job in alive if not _has_newer(job, alive)]
        if not alive:
            return []
        for job in alive:  # it may have been renamed since it was read
            job.document.filename = held[job.document.pk].filename
        keys = [job.target for job in alive]
        _remove_old(organization_id, keys)
        passing(FaultPoint.PUBLISH_OLD_ROWS_GONE)
        _write(organization_id, alive)
        passing(FaultPoint.PUBLISH_CHUNKS_WRITTEN)
        record_changes(organization_id, keys)
        _require_model_in_use(organization_id, alive)
        for job in alive:
            _complete(job, held[job.document.pk], documents.get(job.target))
        ledger.write([_entry(job) for job in alive if job.spent.texts])
        passing(FaultPoint.PUBLISH_VERSION_COUNTED)
    passing(FaultPoint.PUBLISH_COMMITTED)
    return alive


def _entry(job: Job) -> ledger.Entry:
    """Return the one row of a document's embeddings."""
    return ledger.embedding_entry(
        job.spent,
        feature=UsageRecord.Feature.EMBED_DOCUMENT,
        organization_id=job.document.organization_id,
        user_id=job.document.uploaded_by_id,
    )


def _has_newer(job: Job, jobs: Sequence[Job]) -> bool:
    return any(other is not job and other.target == job.document.pk for other in jobs)


def _complete(job: Job, row: Document, document: Document | None) -> None:
    """Mark the locked row as completed, or put it in force as the version of its document."""
    facts: dict[str, Any] = {
        "title": job.document.title,
        "page_count": len(job.extracted.pages),
        "chunk_count": len(job.chunks),
        "warnings": job.extracted.warnings,
    }
    if document is None:
        leases.complete(job.document, **facts)
        return
    document.dated_on, document.dated_by = job.document.dated_on, job.document.dated_by
    versions.put_in_force(row, document, **facts)


def _require_model_in_use(organization_id: uuid.UUID, jobs: Sequence[Job]) -> None:
    """Refuse vectors of another model than queries use.

    Asked after the changes are recorded, which locks the index until the commit: a switch of the
    model has either committed, and is seen here, or it waits, and will find these chunks.
    """
    in_use = get_state(organization_id).model
    if any(job.model != in_use for job in jobs):
        raise ModelChanged(in_use)


def _remove_old(organization_id: uuid.UUID, keys: Sequence[uuid.UUID]) -> None:
    """Remove what an earlier publishing wrote; hardly ever is there anything."""
    if DocumentChunk.objects.filter(document__in=keys).exists():
        get_lexical_index().remove(organization_id, keys)
    delete_text(keys)


def _write(organization_id: uuid.UUID, jobs: Sequence[Job]) -> None:
    Page.objects.bulk_create(
        Page(document_id=job.target, number=page.number, text=page.text)
        for job in jobs
        for page in job.extracted.pages
    )
    rows = DocumentChunk.objects.bulk_create(
        DocumentChunk(
            document_id=job.target,
            chunk_index=chunk.index,
            page=chunk.page,
            start=chunk.start,
            end=chunk.end,
            heading=chunk.heading,
            text=chunk.text,
        )
        for job in jobs
        for chunk in job.chunks
    )
    first = 0
    embeddings = []
    for job in jobs:
        theirs = rows[first : first + len(job.chunks)]
        first += len(job.chunks)
        embeddings += _embeddings(organization_id, job, theirs)
        get_lexical_index().add(organization_id, theirs, job.document.display_title)
    ChunkEmbedding.objects.bulk_create(embeddings)


def _embeddings(
    organization_id: uuid.UUID, job: Job, rows: Sequence[DocumentChunk]
) -> list[ChunkEmbedding]:
    if job.embedded is None:
        raise ValueError("publish before embed")
    if len(job.embedded.digests) != len(rows):
        raise ValueError("as many vectors as chunks")
    return [
        job.embedded.row(place, row, organization_id, job.model) for place, row in enumerate(rows)
    ]
