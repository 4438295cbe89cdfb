"""Repairs documents: their pages, chunks, counts and leases."""

import uuid
from collections.abc import Iterator, Sequence

from django.db import transaction

from accounts.models import Organization
from documents.file_check import check_files
from documents.intake import enqueue_ingestion
from documents.models import Document, DocumentChunk, Page
from documents.querysets import DocumentQuerySet
from documents.removal import delete_text
from rag.index.registry import get_lexical_index
from rag.index.versions import record_changes
from rag.integrity import rows
from rag.models import ChunkEmbedding

# Documents changed in one transaction: others write between two of them.
_BATCH = 100


def remove_unfinished_text(organization: Organization) -> None:
    """Remove pages and chunks of documents that are not completed."""
    for batch in _batches(rows.unfinished_documents_with_text(organization.pk)):
        with transaction.atomic():
            locked = _lock(rows.unfinished_documents_with_text(organization.pk), batch)
            _remove_text(organization, [document.pk for document in locked])


def read_again(organization: Organization) -> None:
    """Hand documents that lost rows to a worker, as if they had just been uploaded."""
    for batch in _batches(rows.incomplete_documents(organization.pk)):
        # Without its file nothing more can be had of a document than what is left.
        without_file = set(check_files(organization).lost)
        with transaction.atomic():
            locked = _lock(rows.incomplete_documents(organization.pk), batch)
            keys = [document.pk for document in locked if document.pk not in without_file]
            _remove_text(organization, keys)
            Document.objects.filter(pk__in=keys).update(
                status=Document.Status.UPLOADED,
                progress=0,
                attempts=0,
                chunk_count=0,
                page_count=0,
                completed_at=None,
                next_attempt_at=None,
            )
            _ring_for(keys)


def _remove_text(organization: Organization, keys: Sequence[uuid.UUID]) -> None:
    if not keys:
        return
    get_lexical_index().remove(organization.pk, keys)
    record_changes(organization.pk, keys)
    delete_text(keys)


def take_text_of_pages(organization: Organization) -> None:
    """Give altered chunks the text of their page again; their vectors are computed after that."""
    altered = sorted({document for _, document in rows.altered_chunks(organization.pk)})
    for document_id in altered:
        with transaction.atomic():
            document = Document.objects.select_for_update(of=("self",)).filter(pk=document_id)
            for found in document.completed():
                _take_text_of_document(organization, found)


def _take_text_of_document(organization: Organization, document: Document) -> None:
    pages = dict(Page.objects.filter(document=document).values_list("number", "text"))
    changed = []
    for chunk in DocumentChunk.objects.filter(document=document):
        text = pages.get(chunk.page, "")[chunk.start : chunk.end]
        if text != chunk.text and len(text) == chunk.end - chunk.start:
            chunk.text = text
            chunk.save(update_fields=["text"])
            changed.append(chunk)
    ChunkEmbedding.objects.filter(chunk__in=changed).delete()
    get_lexical_index().remove(organization.pk, [document.pk])
    chunks = list(DocumentChunk.objects.filter(document=document).order_by("pk"))
    get_lexical_index().add(organization.pk, chunks, document.display_title)
    record_changes(organization.pk, [document.pk])


@transaction.atomic
def count_again(organization: Organization) -> None:
    """Count pages and chunks of documents that say another number."""
    miscounted = rows.miscounted_documents(organization.pk)
    for document in _lock(miscounted, list(miscounted.values_list("pk", flat=True))):
        Document.objects.filter(pk=document.pk).update(
            chunk_count=document.chunks.count(), page_count=document.pages.count()
        )


def release(organization: Organization) -> None:
    """Take documents from workers that gave no sign of life; any worker may have them then."""
    keys = list(rows.documents_past_lease(organization.pk).values_list("pk", flat=True))
    with transaction.atomic():
        released = [
            document.pk for document in _lock(rows.documents_past_lease(organization.pk), keys)
        ]
        Document.objects.filter(pk__in=released).update(
            status=Document.Status.UPLOADED,
            stage=Document.Stage.NONE,
            progress=0,
            lease_token=None,
            lease_expires_at=None,
            next_attempt_at=None,
        )
        _ring_for(released)


def _ring_for(documents: Sequence[uuid.UUID]) -> None:
    """Ring for a worker after the commit; it takes whatever else waits too."""
    if documents:
        transaction.on_commit(lambda: enqueue_ingestion(documents[0]), robust=True)


def _batches(documents: DocumentQuerySet) -> Iterator[list[uuid.UUID]]:
    keys = list(documents.values_list("pk", flat=True))
    yield from (keys[first : first + _BATCH] for first in range(0, len(keys), _BATCH))


def _lock(documents: DocumentQuerySet, keys: Sequence[uuid.UUID]) -> list[Document]:
    """Return those of the keys that are still among the documents, locked."""
    locked = Document.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk")
    still = set(
        documents.filter(pk__in=[document.pk for document in locked]).values_list("pk", flat=True)
    )
    return [document for document in locked if document.pk in still]
