"""The ledger of model calls: what is written into it, and what it adds up to."""

import datetime
from collections.abc import Iterable
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDate

from accounts.models import User
from rag.llm.metering import MeteredCall
from rag.models import Message, UsageRecord


def record_calls(*, user: User, message: Message | None, calls: Iterable[MeteredCall]) -> None:
    """Add the calls of one turn, in the caller's transaction."""
    assert user.organization_id is not None  # noqa: S101 - start_turn lets nobody else ask
    UsageRecord.objects.bulk_create(
        UsageRecord(
            organization_id=user.organization_id,
            user=user,
            message=message,
            feature=call.feature,
            model=call.model.name,
            outcome=call.outcome,
            prompt_tokens=call.usage.prompt_tokens,
            completion_tokens=call.usage.completion_tokens,
            cost=call.cost,
            ms=call.ms,
        )
        for call in calls
    )


def usage_by_day(
    *,
    user: User,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
) -> QuerySet[Any, Any]:
    """Return calls, tokens and cost of each day, person and model, the newest day first.

    Args:
        user: sees their own; an administrator the organization's.
        start, end: days, both included.
    """
    records = UsageRecord.objects.visible_to(user)
    if start:
        records = records.filter(created_at__date__gte=start)
    if end:
        records = records.filter(created_at__date__lte=end)
    return (
        records.annotate(day=TruncDate("created_at"))
        .values("day", "user_id", "user__email", "model")
        .annotate(
            calls=Count("pk"),
            total_prompt_tokens=Sum("prompt_tokens"),
            total_completion_tokens=Sum("completion_tokens"),
            total_cost=Sum("cost"),
        )
        .order_by("-day", "user__email", "model")
    )
