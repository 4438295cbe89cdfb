"""The documents that one search may return, asked of the database once for all its indexes."""

from functools import cached_property

from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast

from documents.models import Document
from documents.querysets import DocumentQuerySet


class Scope:
    """A queryset of documents, and its keys for indexes that live outside the database.

    Permission is a property of the document, so a scope names documents: some twenty times fewer
    rows a query than chunks. Made for one search and thrown away: it is never kept.

    Attributes:
        documents: for indexes inside the database, which add it to their query.
    """

    def __init__(self, documents: DocumentQuerySet) -> None:
        self.documents: QuerySet[Document] = documents.completed().order_by()

    @cached_property
    def keys(self) -> frozenset[str]:
        """The documents' ids as 32 hexadecimal digits."""
        # As text: turning thousands of rows into UUID objects costs more than the query.
        ids = self.documents.values_list(Cast("pk", CharField()), flat=True)
        return frozenset(key.replace("-", "") for key in ids)
