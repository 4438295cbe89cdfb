"""Repairs embeddings: deletes what nothing needs, and computes what is missing or unusable."""

import uuid
from collections.abc import Collection, Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Organization
from documents.models import Document, DocumentChunk
from knowledge.lib.errors import Conflict
from rag import ledger
from rag.chunk_vectors import Embedded
from rag.embedding.counting import counting
from rag.embedding.registry import get_embedder
from rag.index.versions import get_state, record_changes
from rag.integrity import rows
from rag.integrity.embeddings import unusable
from rag.models import ChunkEmbedding, OrganizationIndex, UsageRecord
from rag.reembedding import embed_chunks

_EMBED_SIZE = 256  # chunks embedded in one call


class AtRest(Conflict):
    """The organization is suspended, and nothing is embedded for it."""

    def __init__(self) -> None:
        super().__init__("The organization is suspended. Lift the suspension first.")


def delete_orphaned(organization: Organization) -> None:
    """Delete embeddings whose chunk is not there."""
    _delete_embeddings(organization, rows.orphaned_embeddings(organization.pk))


def delete_unknown_models(organization: Organization) -> None:
    """Delete embeddings of models that nobody knows."""
    model = get_state(organization.pk).model
    _delete_embeddings(organization, rows.embeddings_of_unknown_models(organization.pk, model))


@transaction.atomic
def _delete_embeddings(organization: Organization, embeddings: QuerySet[ChunkEmbedding]) -> None:
    documents = set(embeddings.order_by().values_list("document_id", flat=True))
    keys = embeddings.order_by().values_list("pk", flat=True)
    ChunkEmbedding.objects.filter(pk__in=list(keys)).delete()
    _record(organization.pk, documents)


@transaction.atomic
def place(organization: Organization) -> None:
    """Give embeddings to the document and the organization of their chunk."""
    changed: dict[uuid.UUID, set[uuid.UUID]] = {}
    for row in rows.misplaced_embeddings(organization.pk).select_related("chunk__document"):
        document = row.chunk.document
        for owner in (row.organization_id, document.organization_id):
            changed.setdefault(owner, set()).update({row.document_id, document.pk})
        row.organization_id, row.document_id = document.organization_id, document.pk
        row.save(update_fields=["organization", "document"])
    for organization_id, documents in sorted(changed.items()):
        _record(organization_id, documents)


def embed(organization: Organization) -> None:
    """Compute the vectors that are missing or unusable; the sound ones stay."""
    model = get_state(organization.pk).model
    if model not in settings.EMBEDDERS:
        return
    embedder = get_embedder(model)
    broken = [key for key, _ in unusable(organization.pk, embedder.name, embedder.dimension)]
    of_broken = ChunkEmbedding.objects.in_bulk(broken).values()
    missing = rows.chunks_without_embedding(organization.pk, embedder.name)
    chunks = {*missing.values_list("pk", flat=True), *(row.chunk_id for row in of_broken)}
    _embed_again(organization.pk, model, sorted(chunks))


def _embed_again(organization_id: uuid.UUID, model: str, chunk_ids: Sequence[int]) -> int:
    """Give the chunks an embedding computed from their text; return how many have one now.

    The model works outside of any transaction. A chunk that went meanwhile, or whose text is
    another one by then, is left out, and so are all of them when the index's model was changed.

    Raises:
        AtRest: the organization is suspended; what was done stays.
    """
    done = 0
    for first in range(0, len(chunk_ids), _EMBED_SIZE):
        if Organization.objects.suspended().filter(pk=organization_id).exists():
            raise AtRest
        chunks = list(
            DocumentChunk.objects.filter(pk__in=chunk_ids[first : first + _EMBED_SIZE])
            .select_related("document")
            .order_by("pk")
        )
        with counting() as count:
            embedded = embed_chunks(chunks, model)
        ledger.write(
            [
                ledger.embedding_entry(
                    count,
                    feature=UsageRecord.Feature.EMBED_AGAIN,
                    organization_id=organization_id,
                    user_id=None,
                )
            ]
        )
        done += _replace(organization_id, model, chunks, embedded)
    return done


@transaction.atomic
def _replace(
    organization_id: uuid.UUID, model: str, embedded_of: Sequence[DocumentChunk], embedded: Embedded
) -> int:
    # Locked in the order of a publish: the documents, then the index.
    place = {chunk.pk: n for n, chunk in enumerate(embedded_of)}
    documents = Document.objects.select_for_update(of=("self",)).filter(
        chunks__in=list(place), organization_id=organization_id
    )
    locked = {document.pk for document in documents.completed()}
    if not OrganizationIndex.objects.filter(pk=organization_id, model=model).exists():
        return 0
    chunks = [
        chunk
        for chunk in DocumentChunk.objects.filter(pk__in=list(place), document__in=locked)
        if chunk.text == embedded_of[place[chunk.pk]].text
    ]
    ChunkEmbedding.objects.filter(chunk__in=chunks, model=model).delete()
    ChunkEmbedding.objects.bulk_create(
        embedded.row(place[chunk.pk], chunk, organization_id, model) for chunk in chunks
    )
    if chunks:
        record_changes(organization_id, sorted({chunk.document_id for chunk in chunks}))
    return len(chunks)


def _record(organization_id: uuid.UUID, documents: Collection[uuid.UUID]) -> None:
    if documents:
        record_changes(organization_id, sorted(documents))
