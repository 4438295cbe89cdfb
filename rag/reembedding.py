"""Vectors of another model, built beside those in use, and the step that changes to them."""

import uuid
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from documents.models import Document, DocumentChunk
from documents.querysets import DocumentChunkQuerySet
from knowledge.lib.faults import FaultPoint, passing
from rag import ledger
from rag.change_leases import ChangeLease
from rag.chunk_vectors import Embedded, Wanted, chunk_text, embed
from rag.embedding.counting import counting
from rag.index.versions import NO_DOCUMENT, get_state, record_changes
from rag.models import ChunkEmbedding, ModelChange, OrganizationIndex, UsageRecord

# Chunks embedded in one call and written in one transaction: a few seconds, for which an upload may
# have to wait.
BATCH_SIZE = 128
# Keys looked at in one query for the chunks that lack their vector.
WINDOW_SIZE = 2_000
# Embeddings deleted in one transaction, so that others who write wait only a moment.
PRUNE_SIZE = 2_000


def lacks_vector(model: str) -> Q:
    """Return the condition on chunks that the model has no vector of them."""
    return Q(~Exists(ChunkEmbedding.objects.filter(chunk=OuterRef("pk"), model=model)))


def chunks_without_vector(organization_id: uuid.UUID, model: str) -> DocumentChunkQuerySet:
    """Return the organization's chunks that the model has no vector of."""
    return DocumentChunk.objects.filter(
        lacks_vector(model), document__organization_id=organization_id
    )


def embed_chunks(chunks: Sequence[DocumentChunk], model: str) -> Embedded:
    """Return the vectors of chunks as ingestion does.

    Args:
        chunks: with their documents, of which the title is part of what is embedded.
    """
    return embed(
        [
            Wanted(chunk.document.organization_id, chunk_text(chunk.document, chunk))
            for chunk in chunks
        ],
        model,
    )


def write_vectors(chunks: Sequence[DocumentChunk], embedded: Embedded, model: str) -> list[int]:
    """Store the vectors of chunks that still exist and lack one, in the caller's transaction.

    Returns:
        The keys of the chunks that got theirs.
    """
    lacking = set(
        DocumentChunk.objects.filter(lacks_vector(model), pk__in=[chunk.pk for chunk in chunks])
        .select_for_update()  # a delete of them waits, and then takes the vectors along
        .values_list("pk", flat=True)
    )
    ChunkEmbedding.objects.bulk_create(
        embedded.row(place, chunk, chunk.document.organization_id, model)
        for place, chunk in enumerate(chunks)
        if chunk.pk in lacking
    )
    return sorted(lacking)


def embed_next(lease: ChangeLease) -> int | None:
    """Compute and store the next batch of a change.

    Rounds go through the chunks in the order of their keys, so that what was published meanwhile
    is reached too, and a runner that is stopped goes on where it was.

    Returns:
        How many chunks got vectors; None when a whole round has found nothing to do.

    Raises:
        LeaseLost: nothing was written.
    """
    change = _row(lease)
    chunks = _next_chunks(change)
    if not chunks:
        if not change.position:
            return None
        start_round(lease)
        return 0
    with counting() as count:
        embedded = embed_chunks(chunks, change.model)
    with transaction.atomic():
        # Locks are taken in the order of publishing and deleting: chunks, index, then the change.
        written = write_vectors(chunks, embedded, change.model)
        lease.lock()
        if written and _may_be_loaded(change):
            record_changes(change.organization_id, _documents(chunks, written))
        ModelChange.objects.filter(pk=change.pk).update(
            position=chunks[-1].pk,
            done=F("done") + len(written),
            attempts=0,
            updated_at=timezone.now(),
        )
        ledger.write(
            [
                ledger.embedding_entry(
                    count,
                    feature=UsageRecord.Feature.EMBED_AGAIN,
                    organization_id=change.organization_id,
                    user_id=None,
                )
            ]
        )
    passing(FaultPoint.REEMBED_BATCH_WRITTEN)
    return len(written)


def count(change: ModelChange) -> tuple[int, int]:
    """Return how many of the organization's chunks have a vector of the model, and of how many."""
    vectors = ChunkEmbedding.objects.of_index(change.organization_id, change.model)
    documents = Document.objects.filter(organization_id=change.organization_id)
    total: int | None = documents.aggregate(total=Sum("chunk_count"))["total"]
    return vectors.count(), total or 0


def mark(lease: ChangeLease, **fields: object) -> ModelChange:
    """Write fields of the change, if its lease still holds, and return it.

    Raises:
        LeaseLost: nothing was written.
    """
    with transaction.atomic():
        change = lease.lock()
        ModelChange.objects.filter(pk=change.pk).update(updated_at=timezone.now(), **fields)
        change.refresh_from_db()
    return change


def start_round(lease: ChangeLease) -> ModelChange:
    """Count anew, since documents come and go, and begin again with the first chunk.

    Raises:
        LeaseLost: nothing was written.
    """
    done, total = count(_row(lease))
    return mark(lease, position=0, done=done, total=total)


def announce(change: ModelChange) -> None:
    """Let every process load the model that queries will use."""
    _state(change).update(next_model=change.model, next_is_ready=False)


def mark_ready(lease: ChangeLease) -> ModelChange:
    """Let every process load the index of the new model, now that its vectors are complete.

    Vectors that are written from here on are steps of the index, as published documents are.

    Raises:
        LeaseLost: nothing was written.
    """
    with transaction.atomic():
        change = mark(lease, status=ModelChange.Status.READY, prepared_at=timezone.now())
        _state(change).update(next_model=change.model, next_is_ready=True)
    return change


def withdraw(change: ModelChange) -> None:
    """Take the announcement back."""
    _state(change).update(next_model="", next_is_ready=False)


def switch_index(lease: ChangeLease) -> bool:
    """Let queries use the change's model from the commit on, if every chunk has its vector.

    In the caller's transaction, with the organization's index locked: whoever publishes waits, and
    then embeds anew; what was published before is looked through here.

    Returns:
        False when a chunk lacks its vector: nothing was written.

    Raises:
        LeaseLost: nothing was written.
    """
    change = lease.lock()
    if chunks_without_vector(change.organization_id, change.model).exists():
        return False
    record_changes(change.organization_id, [NO_DOCUMENT])
    _state(change).update(model=change.model, next_model="", next_is_ready=False)
    now = timezone.now()
    ModelChange.objects.filter(pk=change.pk).update(
        status=ModelChange.Status.SWITCHED, switched_at=now, updated_at=now
    )
    passing(FaultPoint.REEMBED_SWITCHING)
    return True


def prune_next(organization_id: uuid.UUID) -> int:
    """Delete the next vectors of models that nobody needs, in one transaction; return how many.

    The model in use and that of an open change stay, whatever is switched or started meanwhile.
    """
    with transaction.atomic():
        get_state(organization_id)
        index = OrganizationIndex.objects.select_for_update().get(pk=organization_id)
        building = ModelChange.objects.open().filter(organization_id=organization_id)
        kept = {index.model, *building.values_list("model", flat=True)}
        vectors = ChunkEmbedding.objects.filter(organization_id=organization_id)
        # One after the other: a condition on all of them would read every vector's row each time.
        for model in set(vectors.order_by().values_list("model", flat=True).distinct()) - kept:
            batch = vectors.filter(model=model).order_by("pk").values_list("pk", flat=True)
            # Those that are just being deleted with their document are left to that.
            batch = batch.select_for_update(skip_locked=True)
            deleted, _ = ChunkEmbedding.objects.filter(pk__in=list(batch[:PRUNE_SIZE])).delete()
            return deleted
    return 0


def _row(lease: ChangeLease) -> ModelChange:
    with transaction.atomic():
        return lease.lock()


def _next_chunks(change: ModelChange) -> list[DocumentChunk]:
    """Return the next chunks of the round that lack their vector, with their documents.

    Read along the keys and a window at a time. Asked for the first few of an organization in the
    order of their keys, a database would look through all of them for each batch.
    """
    position = change.position
    while True:
        after = DocumentChunk.objects.filter(pk__gt=position).order_by("pk")
        window = dict(after.values_list("pk", "document_id")[:WINDOW_SIZE])
        if not window:
            return []
        documents = Document.objects.filter(organization_id=change.organization_id)
        ours = set(documents.filter(pk__in=set(window.values())).values_list("pk", flat=True))
        position = max(window)
        lacking = after.filter(lacks_vector(change.model), pk__lte=position).values_list(
            "pk", flat=True
        )
        keys = [key for key in lacking if window.get(key) in ours][:BATCH_SIZE]
        if keys:
            return list(
                DocumentChunk.objects.filter(pk__in=keys).order_by("pk").select_related("document")
            )


def _state(change: ModelChange) -> QuerySet[OrganizationIndex]:
    return OrganizationIndex.objects.filter(pk=change.organization_id)


def _may_be_loaded(change: ModelChange) -> bool:
    """Tell whether a process may hold an index of the model, now or from an earlier change."""
    return ModelChange.objects.filter(
        organization_id=change.organization_id, model=change.model, prepared_at__isnull=False
    ).exists()


def _documents(chunks: Sequence[DocumentChunk], keys: Sequence[int]) -> list[uuid.UUID]:
    """Return the documents of the chunks with these keys."""
    return list({chunk.document_id for chunk in chunks if chunk.pk in set(keys)})
