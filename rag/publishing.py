"""The last step of ingestion: a document's rows become visible all at once, or not at all."""

from dataclasses import dataclass

from django.db import transaction

from documents import leases
from documents.chunking import Chunk
from documents.extraction.base import ExtractedDocument
from documents.leases import Lease
from documents.models import Document, DocumentChunk, Page
from knowledge.lib.faults import FaultPoint, passing
from rag.embedding.base import Vectors
from rag.index.registry import get_lexical_index
from rag.index.versions import record_changes
from rag.models import ChunkEmbedding


@dataclass
class Job:
    """One document on its way through the pipeline."""

    lease: Lease
    document: Document
    extracted: ExtractedDocument
    chunks: list[Chunk]
    model: str
    started: float
    vectors: Vectors | None = None


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
        passing(FaultPoint.PUBLISH_OLD_ROWS_GONE)
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
        ChunkEmbedding.objects.bulk_create(
            ChunkEmbedding(
                organization_id=organization_id,
                document=document,
                chunk=chunk,
                model=job.model,
                vector=vector.astype("<f4").tobytes(),
            )
            for chunk, vector in zip(chunks, job.vectors, strict=True)
        )
        get_lexical_index().add(organization_id, chunks, job.document.display_title)
        passing(FaultPoint.PUBLISH_CHUNKS_WRITTEN)
        record_changes(organization_id, [document.pk])
        leases.complete(
            document,
            title=job.document.title,
            page_count=len(job.extracted.pages),
            chunk_count=len(chunks),
        )
        passing(FaultPoint.PUBLISH_VERSION_COUNTED)
    passing(FaultPoint.PUBLISH_COMMITTED)
    return True
