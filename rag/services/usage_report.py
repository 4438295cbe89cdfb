"""What the ledger adds up to: by day, person, model and feature, and as a file."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDate

from accounts.models import User
from documents.models import Document
from knowledge.lib.spreadsheets import csv_line
from rag.models import MessageSource, UsageRecord
from rag.querysets import UsageRecordQuerySet

# What usage can be added up by, and the columns that make a group.
GROUPINGS: dict[str, tuple[str, ...]] = {
    "day": ("day",),
    "user": ("user_id", "user__email"),
    "model": ("model",),
    "feature": ("feature",),
    "outcome": ("outcome",),
}
# What was added up before groups could be chosen.
DEFAULT_GROUPS = ("day", "user", "model")


@dataclass(frozen=True)
class Filters:
    """Which calls are added up.

    Attributes:
        start, end: days, both included, in the time zone of the installation.
    """

    start: datetime.date | None = None
    end: datetime.date | None = None
    user: str = ""
    model: str = ""
    feature: str = ""


@dataclass(frozen=True)
class Totals:
    """Calls added up."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    embedding_tokens: int = 0
    cost: Decimal = Decimal(0)

    @property
    def tokens(self) -> int:
        """What language models read and wrote."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def calls_text(self) -> str:
        return f"{self.calls:,}"

    @property
    def tokens_text(self) -> str:
        return f"{self.tokens:,}"

    @property
    def prompt_text(self) -> str:
        return f"{self.prompt_tokens:,}"

    @property
    def completion_text(self) -> str:
        return f"{self.completion_tokens:,}"

    @property
    def embedding_text(self) -> str:
        return f"{self.embedding_tokens:,}"


def records(*, user: User, filters: Filters) -> UsageRecordQuerySet:
    """Return the calls that a person may see: their own; an administrator the organization's."""
    found = UsageRecord.objects.visible_to(user)
    if filters.start:
        found = found.filter(created_at__date__gte=filters.start)
    if filters.end:
        found = found.filter(created_at__date__lte=filters.end)
    if filters.user:
        found = found.filter(user__email__iexact=filters.user)
    if filters.model:
        found = found.filter(model=filters.model)
    if filters.feature:
        found = found.filter(feature=filters.feature)
    return found


def totals(*, user: User, filters: Filters) -> Totals:
    """Return everything added up."""
    return _totals(records(user=user, filters=filters).aggregate(**_SUMS))


def usage_by(
    *, user: User, filters: Filters, groups: Sequence[str] = DEFAULT_GROUPS
) -> QuerySet[Any, Any]:
    """Return the sums of each group, the newest day first.

    Args:
        groups: keys of `GROUPINGS`, in the order of the rows.
    """
    columns = [column for group in groups for column in GROUPINGS[group]]
    order = [f"-{column}" if column == "day" else column for column in columns]
    found = records(user=user, filters=filters).order_by()
    if "day" in groups:
        found = found.annotate(day=TruncDate("created_at"))
    rows: QuerySet[Any, Any] = found.values(*columns).annotate(**_SUMS).order_by(*order)
    return rows


def totals_by(*, user: User, filters: Filters, group: str) -> list[tuple[Any, Totals]]:
    """Return the sums of each value of one group: days in order, else the costliest first."""
    column = GROUPINGS[group][-1]
    rows = [
        (row[column], _totals(row)) for row in usage_by(user=user, filters=filters, groups=[group])
    ]
    if group == "day":
        return rows[::-1]
    return sorted(rows, key=lambda row: (row[1].cost, row[1].tokens, row[1].calls), reverse=True)


def most_cited_documents(
    *, user: User, filters: Filters, most: int = 10
) -> list[tuple[Document, int]]:
    """Return the documents that most answers cite, among what the person may read now.

    Of an administrator's organization, or of one's own conversations.
    """
    found = MessageSource.objects.filter(cited=True).exclude(document=None)
    if user.is_organization_admin and user.organization_id is not None:
        found = found.filter(message__conversation__user__organization_id=user.organization_id)
    else:
        found = found.filter(message__conversation__user=user)
    if filters.start:
        found = found.filter(message__created_at__date__gte=filters.start)
    if filters.end:
        found = found.filter(message__created_at__date__lte=filters.end)
    if filters.user:
        found = found.filter(message__conversation__user__email__iexact=filters.user)
    readable = Document.objects.visible_to(user)
    counted = (
        found.filter(document__in=readable.values("pk"))
        .values("document")
        .annotate(answers=Count("message", distinct=True))
        .order_by("-answers", "document")[:most]
    )
    counts = {row["document"]: row["answers"] for row in counted}
    documents = readable.in_bulk(list(counts))
    return [(documents[key], count) for key, count in counts.items() if key in documents]


def csv_lines(*, user: User, filters: Filters) -> Iterator[str]:
    """Yield usage by day, person, model, feature and outcome as lines of a CSV file."""
    header = [
        *("day", "user", "model", "feature", "outcome", "calls"),
        *("prompt_tokens", "completion_tokens", "embedding_tokens", "cost"),
    ]
    yield csv_line(header)
    groups = ("day", "user", "model", "feature", "outcome")
    for row in usage_by(user=user, filters=filters, groups=groups).iterator(chunk_size=1000):
        added = _totals(row)
        yield csv_line(
            [
                row["day"].isoformat(),
                row["user__email"] or "",
                row["model"],
                row["feature"],
                row["outcome"],
                added.calls,
                added.prompt_tokens,
                added.completion_tokens,
                added.embedding_tokens,
                f"{added.cost:f}",
            ]
        )


_SUMS = {
    "calls": Count("pk"),
    "total_prompt_tokens": Sum("prompt_tokens"),
    "total_completion_tokens": Sum("completion_tokens"),
    "total_embedding_tokens": Sum("embedding_tokens"),
    "total_cost": Sum("cost"),
}
_BILLIONTH = Decimal("0.000000001")


def _totals(row: dict[str, Any]) -> Totals:
    cost = Decimal(row["total_cost"] or 0)
    return Totals(
        calls=row["calls"],
        prompt_tokens=row["total_prompt_tokens"] or 0,
        completion_tokens=row["total_completion_tokens"] or 0,
        embedding_tokens=row["total_embedding_tokens"] or 0,
        # SQLite adds amounts up as binary fractions.
        cost=cost.quantize(_BILLIONTH),
    )
