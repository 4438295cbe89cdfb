"""Deletes the rows of documents in a handful of statements, however many chunks they have."""

import uuid
from collections.abc import Sequence

from django.db import models

from documents.models import (
    Document,
    DocumentChunk,
    DocumentVersion,
    Page,
    UploadBatch,
    UploadFile,
)
from documents.querysets import DocumentChunkQuerySet


def delete_rows(keys: Sequence[uuid.UUID]) -> None:
    """Delete the documents with all that hangs on them, inside the caller's transaction."""
    delete_text(keys)
    came_in = list(UploadFile.objects.filter(document__in=keys).values_list("batch", flat=True))
    DocumentVersion.objects.filter(document__in=keys).delete()
    Document.objects.filter(pk__in=keys).delete()
    # An upload of one file is called after it, so that it goes with its only document.
    UploadBatch.objects.filter(pk__in=set(came_in), files=None).delete()


def delete_text(keys: Sequence[uuid.UUID]) -> None:
    """Delete what was read from the documents, inside the caller's transaction.

    Django's own cascade reads every chunk and asks for what refers to each some hundred at a
    time, which takes a minute where this takes seconds. Rows of other apps that refer to chunks
    follow their `on_delete`; one that this overlooked would fail the database's foreign key.
    """
    chunks = DocumentChunk.objects.filter(document__in=keys)
    for relation in DocumentChunk._meta.related_objects:
        _follow(relation, chunks)
    chunks._raw_delete(chunks.db)
    pages = Page.objects.filter(document__in=keys)
    pages._raw_delete(pages.db)


def _follow(relation: models.ForeignObjectRel, chunks: DocumentChunkQuerySet) -> None:
    """Do to the rows at the other end what their field says for a chunk that goes."""
    field = relation.field
    referring = relation.related_model._base_manager.filter(**{f"{field.name}__in": chunks})
    on_delete = getattr(relation, "on_delete", None)
    if on_delete is models.CASCADE:
        referring.delete()
    elif on_delete is models.SET_NULL:
        referring.update(**{field.name: None})
    else:
        raise NotImplementedError(f"{relation.related_model.__name__}.{field.name}: on_delete")
