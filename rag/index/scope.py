"""The documents that one search may return, asked of the database once for all its indexes."""

from functools import cached_property
from typing import Any

from django.db.models import Aggregate, CharField, QuerySet, TextField
from django.db.models.functions import Cast

from documents.models import Document
from documents.querysets import DocumentQuerySet

_DIGITS = 32  # of an id


class Scope:
    """A queryset of documents, and its keys for indexes that live outside the database.

    Permission is a property of the document, so a scope names documents: some twenty times fewer
    rows a query than chunks. Made for one search and thrown away: it is never kept.

    Attributes:
        documents: for indexes inside the database, which add it to their query.
    """

    def __init__(self, documents: DocumentQuerySet) -> None:
        self.documents: QuerySet[Document] = documents.completed().order_by()

    def __len__(self) -> int:
        return len(self.digits) // _DIGITS

    @cached_property
    def keys(self) -> frozenset[str]:
        """The documents' ids as 32 hexadecimal digits."""
        digits = self.digits
        return frozenset(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS))

    @cached_property
    def digits(self) -> str:
        """The same ids, one behind the other."""
        # In one text: fetching tens of thousands of rows costs far more than the query.
        joined: str | None = self.documents.aggregate(ids=_Joined(Cast("pk", CharField())))["ids"]
        return (joined or "").replace("-", "")


class _Joined(Aggregate):
    """The texts one behind the other; None when there is none."""

    function = "GROUP_CONCAT"
    template = "%(function)s(%(expressions)s, '')"
    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        return self.as_sql(compiler, connection, function="STRING_AGG")
