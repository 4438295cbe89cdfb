"""What must follow a document's rows in their own transaction, named by a setting.

`documents` may not import the app that indexes it, so that app gives its class by dotted path.
"""

import uuid
from collections.abc import Sequence
from functools import cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from documents.models import Document


class Projection(Protocol):
    """Follows the rows; each method runs inside the caller's transaction."""

    def before_removal(
        self, *, organization_id: uuid.UUID, document_ids: Sequence[uuid.UUID]
    ) -> None:
        """Take the chunks of these documents, which are about to go, out of every index."""

    def after_new_title(self, *, document: Document) -> None:
        """Let the chunks of this document be searched under its new title."""


@cache
def projection() -> Projection:
    """Return the projection that `DOCUMENT_PROJECTION` names."""
    instance: Projection = import_string(settings.DOCUMENT_PROJECTION)()
    return instance
