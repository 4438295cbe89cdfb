"""Takes documents out of indexes and answers in the transaction that removes their rows."""

import uuid
from collections.abc import Sequence

from documents.models import Document, DocumentChunk
from rag.index.registry import get_lexical_index
from rag.index.versions import record_changes
from rag.models import Message, MessageSource


class DocumentProjection:
    """Implements `documents.projection.Projection`."""

    def before_removal(
        self, *, organization_id: uuid.UUID, document_ids: Sequence[uuid.UUID]
    ) -> None:
        """Drop the documents' words and the answers made of them; tell every process.

        The embeddings are rows below the chunks and go with them. What is left of an answer are
        its question and that its sources were deleted.
        """
        if not document_ids:
            return
        told = MessageSource.objects.filter(document__in=document_ids, used=True)
        Message.objects.filter(pk__in=told.values("message")).update(
            content="", search_query="", sentences=[], conflicts=[]
        )
        get_lexical_index().remove(organization_id, document_ids)
        record_changes(organization_id, document_ids)

    def after_new_title(self, *, document: Document) -> None:
        """Put the words of the title into the index of words, and tell every process.

        The vectors stay: they are of the passages, and the title is a small part of what they were
        made of. The next time the document is read, or the model is changed, they are made anew.
        """
        chunks = list(DocumentChunk.objects.filter(document=document).order_by("pk"))
        if not chunks:
            return
        get_lexical_index().remove(document.organization_id, [document.pk])
        get_lexical_index().add(document.organization_id, chunks, document.display_title)
        record_changes(document.organization_id, [document.pk])
