"""Takes documents out of the indexes in the transaction that removes their rows."""

import uuid
from collections.abc import Sequence

from rag.index.registry import get_lexical_index
from rag.index.versions import record_changes


class DocumentProjection:
    """Implements `documents.projection.Projection`."""

    def before_removal(
        self, *, organization_id: uuid.UUID, document_ids: Sequence[uuid.UUID]
    ) -> None:
        """Drop the documents' words, and tell every process at its next search.

        The embeddings are rows below the chunks and go with them.
        """
        if not document_ids:
            return
        get_lexical_index().remove(organization_id, document_ids)
        record_changes(organization_id, document_ids)
