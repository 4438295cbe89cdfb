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

_LOST = UsageRecord.Outcome.LOST


@dataclass(frozen=True)
class Entry:
    """One call, as it goes into the ledger.

    Attributes:
        user_id: who it was for; None for the system.
        call_id: of a language model's call, which is in the ledger once; None for embeddings.
        begun_at: decides on the price.
    """

    organization_id: uuid.UUID
    user_id: uuid.UUID | None
    feature: str
    model: str
    outcome: str = UsageRecord.Outcome.COMPLETED
    message_id: uuid.UUID | None = None
    call_id: uuid.UUID | None = None
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
    """Add calls to the ledger, in the caller's transaction; embeddings of nothing are none.

    A call that is there already is not added again. Where it was taken for lost, because its
    process was silent for too long, what it really used takes the place of the estimate.
    """
    entries = [entry for entry in entries if entry.model]
    if not entries:
        return []
    now = timezone.now()
    prices = PriceTable()
    known = _known(entries)
    new = [_row(entry, prices, now) for entry in entries if entry.call_id not in known]
    for entry in entries:
        if (row := known.get(entry.call_id)) is not None and row.outcome == _LOST:
            _correct(row, _row(entry, prices, now))
    UsageRecord.objects.bulk_create(new)
    _add_to_totals(new, timezone.localdate(now))
    return new


def _known(entries: Sequence[Entry]) -> dict[uuid.UUID | None, UsageRecord]:
    calls = [entry.call_id for entry in entries if entry.call_id is not None]
    found = UsageRecord.objects.select_for_update().filter(call__in=calls) if calls else ()
    return {row.call: row for row in found}


def _correct(estimated: UsageRecord, real: UsageRecord) -> None:
    """Put what a call used in the place of its estimate, and the difference into its day."""
    day = timezone.localdate(estimated.created_at)
    kept = ("outcome", "message_id", "prompt_tokens", "completion_tokens", "ms", "cost")
    _add_to_totals([estimated], day, times=-1)
    UsageRecord.objects.filter(pk=estimated.pk).update(
        **{name: getattr(real, name) for name in kept}
    )
    _add_to_totals([real], day)


def _row(entry: Entry, prices: PriceTable, now: datetime.datetime) -> UsageRecord:
    price = prices.price_of(entry.model, entry.begun_at)
    return UsageRecord(
        organization_id=entry.organization_id,
        user_id=entry.user_id,
        message_id=entry.message_id,
        call=entry.call_id,
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


def _add_to_totals(rows: Sequence[UsageRecord], day: datetime.date, *, times: int = 1) -> None:
    totals: defaultdict[tuple[uuid.UUID, uuid.UUID], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        generated = row.feature in UsageRecord.OF_LANGUAGE_MODELS
        # The organization first: everybody takes the locks of these rows in one order.
        for holder in (row.organization_id, row.user_id):
            if holder is not None:
                total = totals[row.organization_id, holder]
                tokens = row.prompt_tokens + row.completion_tokens
                total[0] += times * tokens if generated else 0
                total[1] += times * billionths(row.cost)
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
