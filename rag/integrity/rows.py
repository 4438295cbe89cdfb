"""Rows that disagree, each kind as a queryset: a check counts them, a repair mends them.

Each question is one statement and so of one moment: a document that is published or deleted
meanwhile is there as a whole or not at all.
"""

import datetime
import uuid
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import (
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
)
from django.db.models.functions import Coalesce, Length, Substr
from django.utils import timezone

from documents.models import Document, DocumentChunk, Page
from documents.querysets import DocumentQuerySet
from rag.models import ChunkEmbedding, ModelChange
from rag.reembedding import chunks_without_vector

# A worker's sign of life may be late by a sweep or two before anybody has to worry.
PATIENCE = datetime.timedelta(minutes=2 * settings.SWEEP_INTERVAL_MINUTES)


def chunks_without_embedding(organization_id: uuid.UUID, model: str) -> QuerySet[DocumentChunk]:
    """Return chunks of completed documents that have no vector of the model."""
    return (
        chunks_without_vector(organization_id, model)
        .filter(document__status=Document.Status.COMPLETED)
        .order_by("pk")
    )


def orphaned_embeddings(organization_id: uuid.UUID) -> QuerySet[ChunkEmbedding]:
    """Return embeddings whose chunk, or whose chunk's document, is not there."""
    chunks = DocumentChunk.objects.filter(pk=OuterRef("chunk_id"))
    whole = chunks.filter(Exists(Document.objects.filter(pk=OuterRef("document_id"))))
    return ChunkEmbedding.objects.filter(organization_id=organization_id).filter(~Exists(whole))


def misplaced_embeddings(organization_id: uuid.UUID) -> QuerySet[ChunkEmbedding]:
    """Return embeddings whose document or organization is not their chunk's."""
    rows = ChunkEmbedding.objects.filter(chunk__document__isnull=False)
    concerned = Q(organization_id=organization_id) | Q(
        chunk__document__organization_id=organization_id
    )
    differs = ~Q(document_id=F("chunk__document_id")) | ~Q(
        organization_id=F("chunk__document__organization_id")
    )
    return rows.filter(concerned).filter(differs).order_by("pk")


def embeddings_of_other_models(organization_id: uuid.UUID, model: str) -> dict[str, int]:
    """Return how many vectors there are of each known model that is not in use."""
    rows = ChunkEmbedding.objects.filter(
        organization_id=organization_id, model__in=_known_models(organization_id)
    )
    counted = rows.exclude(model=model).order_by("model").values_list("model")
    return dict(counted.annotate(Count("pk")))


def embeddings_of_unknown_models(
    organization_id: uuid.UUID, model: str
) -> QuerySet[ChunkEmbedding]:
    """Return embeddings of models that neither the settings nor any model change knows."""
    rows = ChunkEmbedding.objects.filter(organization_id=organization_id).order_by("pk")
    return rows.exclude(model__in=[model, *_known_models(organization_id)])


def altered_chunks(organization_id: uuid.UUID) -> Iterator[tuple[int, uuid.UUID]]:
    """Yield chunk and document where the chunk's text is not that of its span of the page."""
    page = Page.objects.filter(document=OuterRef("document"), number=OuterRef("page"))
    span = Substr("text", OuterRef("start") + 1, OuterRef("end") - OuterRef("start"))
    chunks = (
        DocumentChunk.objects.filter(
            document__organization_id=organization_id,
            document__status=Document.Status.COMPLETED,
        )
        .annotate(span=Subquery(page.annotate(span=span).values("span"), output_field=TextField()))
        .annotate(span_length=Length("span"))
        # A page that is too short for the span has lost text: the document is incomplete.
        .filter(span_length=F("end") - F("start"))
        .exclude(text=F("span"))
        .order_by("pk")
    )
    for key, document_id, text, span_text in chunks.values_list(
        "pk", "document_id", "text", "span"
    ):
        if text != span_text:
            yield key, document_id


def incomplete_documents(organization_id: uuid.UUID) -> DocumentQuerySet:
    """Return completed documents of which pages or chunks are gone."""
    page = Page.objects.filter(document=OuterRef("document"), number=OuterRef("page"))
    long_enough = page.annotate(length=Length("text")).filter(length__gte=OuterRef("end"))
    # A chunk that is empty by its own numbers, or beyond its page.
    astray = DocumentChunk.objects.filter(document=OuterRef("pk")).filter(
        ~Exists(long_enough) | Q(end__lte=F("start"))
    )
    return _counted(organization_id).filter(_LOST | Exists(astray))


def miscounted_documents(organization_id: uuid.UUID) -> DocumentQuerySet:
    """Return completed documents that say another number than the pages and chunks they have."""
    differs = ~Q(chunk_count=F("chunks_there")) | ~Q(page_count=F("pages_there"))
    return _counted(organization_id).filter(differs).exclude(_LOST)


def unfinished_documents_with_text(organization_id: uuid.UUID) -> DocumentQuerySet:
    """Return documents that are not completed and yet have pages or chunks."""
    chunks = DocumentChunk.objects.filter(document=OuterRef("pk"))
    pages = Page.objects.filter(document=OuterRef("pk"))
    return (
        Document.objects.filter(organization_id=organization_id)
        .exclude(status=Document.Status.COMPLETED)
        .filter(Exists(chunks) | Exists(pages))
        .order_by("pk")
    )


def documents_past_lease(organization_id: uuid.UUID) -> DocumentQuerySet:
    """Return documents in work whose worker gave no sign of life, or that nobody has."""
    over = Q(lease_expires_at__lt=timezone.now() - PATIENCE)
    nobodys = Q(lease_expires_at__isnull=True) | Q(lease_token__isnull=True)
    return (
        Document.objects.filter(organization_id=organization_id, status=Document.Status.PROCESSING)
        .filter(over | nobodys)
        .order_by("pk")
    )


# Fewer rows than were published, or a hole between them.
_LOST = (
    Q(chunks_there=0)
    | Q(pages_there=0)
    | Q(chunks_there__lt=F("chunk_count"))
    | Q(pages_there__lt=F("page_count"))
    | ~Q(last_chunk=F("chunks_there") - 1)
)


def _counted(organization_id: uuid.UUID) -> DocumentQuerySet:
    """Return completed documents with the number of pages and chunks that they have."""
    chunks = DocumentChunk.objects.filter(document=OuterRef("pk")).order_by().values("document")
    pages = Page.objects.filter(document=OuterRef("pk")).order_by().values("document")
    return (
        Document.objects.filter(organization_id=organization_id)
        .completed()
        .annotate(
            chunks_there=_number(chunks.annotate(n=Count("pk")).values("n"), 0),
            last_chunk=_number(chunks.annotate(n=Max("chunk_index")).values("n"), -1),
            pages_there=_number(pages.annotate(n=Count("pk")).values("n"), 0),
        )
        .order_by("pk")
    )


def _number(question: QuerySet[Any, Any], otherwise: int) -> Coalesce:
    return Coalesce(Subquery(question, output_field=IntegerField()), otherwise)


def _known_models(organization_id: uuid.UUID) -> list[str]:
    """Return the models of the settings, and those that the index was or is being changed to."""
    changes = ModelChange.objects.filter(organization_id=organization_id)
    named = changes.values_list("model", "previous_model")
    return sorted({*settings.EMBEDDERS, *(model for pair in named for model in pair)})
