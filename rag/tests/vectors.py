"""Indexes of made vectors: rows without files, texts or an embedder, many at a time."""

import uuid
from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
from django.db import transaction

from accounts.models import User
from documents.models import Document, DocumentChunk
from rag.index.base import Hit
from rag.index.faiss_index import FaissIndex
from rag.index.scope import Scope
from rag.index.versions import get_state, record_changes
from rag.models import ChunkEmbedding

DIMENSION = 64  # of the fake embedder


def clustered(count: int, *, seed: int = 0, clusters: int = 20) -> np.ndarray:
    """Return unit vectors around a few directions, as passages about a few subjects have."""
    rng = np.random.default_rng(seed)
    centres = unit(np.random.default_rng(clusters).standard_normal((clusters, DIMENSION)))
    chosen = centres[rng.integers(0, clusters, count)]
    return unit(chosen + 0.05 * rng.standard_normal(chosen.shape))


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def add_document(owner: User, vectors: np.ndarray, *, model: str = "fake") -> Document:
    """Publish a document with these vectors."""
    document = Document.objects.create(
        organization=owner.organization,
        uploaded_by=owner,
        filename="note.txt",
        file=f"{uuid.uuid4()}.txt",
        size=1,
        status="completed",
    )
    replace_vectors(document, vectors, model=model)
    return document


def add_documents(owner: User, vectors: np.ndarray, *, rows: int) -> list[Document]:
    """Publish documents of so many of the vectors each."""
    return [add_document(owner, vectors[at : at + rows]) for at in range(0, len(vectors), rows)]


def replace_vectors(document: Document, vectors: np.ndarray, *, model: str = "fake") -> None:
    """Publish the document anew with these vectors."""
    DocumentChunk.objects.filter(document=document).delete()
    chunks = DocumentChunk.objects.bulk_create(
        DocumentChunk(document=document, chunk_index=n, page=1, start=0, end=1, text=f"{n}")
        for n in range(len(vectors))
    )
    ChunkEmbedding.objects.bulk_create(
        ChunkEmbedding(
            organization_id=document.organization_id,
            document=document,
            chunk=chunk,
            model=model,
            vector=vector.astype("<f4").tobytes(),
        )
        for chunk, vector in zip(chunks, vectors, strict=True)
    )
    record_changes(document.organization_id, [document.pk])


def replace_vectors_at_once(document: Document, vectors: np.ndarray) -> None:
    """Publish the document anew as the product does: in one transaction."""
    with transaction.atomic():
        replace_vectors(document, vectors)


def remove_document(document: Document) -> None:
    """Delete the document and its rows."""
    record_changes(document.organization_id, [document.pk])
    document.delete()


def nearest(
    index: FaissIndex, owner: User, query: np.ndarray, *, k: int, within: Sequence[Document]
) -> list[Hit]:
    """Search among the documents."""
    scope = Scope(Document.objects.filter(pk__in=[document.pk for document in within]))
    return index.search(query, k=k, state=get_state(owner.organization_id), within=scope)


def brute_force(query: np.ndarray, *, within: Sequence[Document]) -> list[tuple[int, float]]:
    """Return (chunk, cosine) of every chunk of the documents, nearest first."""
    rows = ChunkEmbedding.objects.filter(document__in=within).values_list("chunk_id", "vector")
    scored = [(key, float(np.frombuffer(vector, "<f4") @ query)) for key, vector in rows]
    return sorted(scored, key=lambda row: (-row[1], row[0]))


def small_parts(*, exact_rows: int = 0, rows: int = 16) -> list[object]:
    """Return patches under which a handful of vectors is as many as tens of thousands."""
    return [
        patch("rag.index.faiss_view.PART_ROWS", rows),
        patch("rag.index.faiss_parts.TAIL_ROWS", rows // 2),
        patch("rag.index.faiss_index.TAIL_ROWS", rows // 2),
        patch("rag.index.faiss_snapshot.MAPPED_ROWS", rows // 2),
        patch("rag.index.faiss_index.MAPPED_ROWS", rows // 2),
        patch("rag.index.faiss_view.ROWS_WORTH_A_THREAD", rows),
        patch("django.conf.settings.VECTOR_EXACT_ROWS", exact_rows),
    ]


def recent_changes_kept(count: int) -> object:
    """Return a patch under which the table of documents is merged after so many changes."""
    return patch("rag.index.faiss_documents.MAX_RECENT", count)


def no_chores() -> object:
    """Return a patch under which nothing is done in the background."""
    return patch("rag.index.faiss_index.FaissIndex._start")
