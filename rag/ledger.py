"""The ledger of model calls: the one place that writes into it.

Rows and totals by day are written in one transaction, so that one always adds up to the other.
"""

import datetime
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import F
from django.utils import timezone

from rag.embedding.counting import EmbeddingCount
from rag.models import DailyUsage, UsageRecord
from rag.prices import PriceTable, billionths


@dataclass(frozen=True)
class Entry:
    """One call, as it goes into the ledger.

    Attributes:
        user_id: who it was for; None for the system.
        begun_at: decides on the price.
    """

    organization_id: uuid.UUID
    user_id: uuid.UUID | None
    feature: str
    model: str
    outcome: str = UsageRecord.Outcome.COMPLETED
    message_id: uuid.UUID | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    embedding_tokens: int = 0
    texts: int = 0
    ms: int = 0
    begun_at: datetime.datetime = field(default_factory=timezone.now)


def embedding_entry(
    count: EmbeddingCount,
    *,
    feature: str,
    organization_id: uuid.UUID,
    user_id: uuid.UUID | None,
    message_id: uuid.UUID | None = None,
) -> Entry:
    """Return what was embedded as a row to be."""
    return Entry(
        organization_id=organization_id,
        user_id=user_id,
        message_id=message_id,
        feature=feature,
        model=count.model,
        embedding_tokens=count.tokens,
        texts=count.texts,
        ms=round(count.ms),
    )


def write(entries: Sequence[Entry]) -> list[UsageRecord]:
    """Add calls to the ledger, in the caller's transaction; embeddings of nothing are none."""
    entries = [entry for entry in entries if entry.model]
    if not entries:
        return []
    now = timezone.now()
    prices = PriceTable()
    rows = [_row(entry, prices, now) for entry in entries]
    UsageRecord.objects.bulk_create(rows)
    _add_to_totals(rows, timezone.localdate(now))
    return rows


def _row(entry: Entry, prices: PriceTable, now: datetime.datetime) -> UsageRecord:
    price = prices.price_of(entry.model, entry.begun_at)
    return UsageRecord(
        organization_id=entry.organization_id,
        user_id=entry.user_id,
        message_id=entry.message_id,
        feature=entry.feature,
        model=entry.model,
        outcome=entry.outcome,
        prompt_tokens=entry.prompt_tokens,
        completion_tokens=entry.completion_tokens,
        embedding_tokens=entry.embedding_tokens,
        texts=entry.texts,
        ms=entry.ms,
        created_at=now,
        cost=price.cost(
            prompt=entry.prompt_tokens,
            completion=entry.completion_tokens,
            embedding=entry.embedding_tokens,
        ),
    )


def _add_to_totals(rows: Sequence[UsageRecord], day: datetime.date) -> None:
    totals: defaultdict[tuple[uuid.UUID, uuid.UUID], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        generated = row.feature in UsageRecord.OF_LANGUAGE_MODELS
        # The organization first: everybody takes the locks of these rows in one order.
        for holder in (row.organization_id, row.user_id):
            if holder is not None:
                total = totals[row.organization_id, holder]
                total[0] += row.prompt_tokens + row.completion_tokens if generated else 0
                total[1] += billionths(row.cost)
    for (organization_id, holder), (tokens, cost) in totals.items():
        if tokens or cost:
            _add(organization_id, holder, day, tokens, cost)


def _add(
    organization_id: uuid.UUID, holder: uuid.UUID, day: datetime.date, tokens: int, cost: int
) -> None:
    row = DailyUsage.objects.filter(holder=holder, day=day)
    more = {"tokens": F("tokens") + tokens, "cost": F("cost") + cost}
    if row.update(**more):
        return
    empty = DailyUsage(organization_id=organization_id, holder=holder, day=day)
    DailyUsage.objects.bulk_create([empty], ignore_conflicts=True)
    row.update(**more)
