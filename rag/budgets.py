"""Budgets: what applies to a person, how it stands, and reserving before a call is begun.

A call is let in only if what is spent, what running calls hold and what it may cost itself stay
within every limit. So the limits hold however many are asked at once, and whatever ends a call.
"""

import datetime
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.models import Organization, User
from knowledge.lib.errors import TooManyRequests
from rag import ledger
from rag.models import Budget, DailyUsage, Message, Reservation, UsageRecord
from rag.prices import billionths
from rag.standing import Standing, lower

# When to come back where only answers that are being written stand in the way.
_SOON_S = 30


class BudgetExceeded(TooManyRequests):
    """A call could cost more than a hard budget has left; `retry_after_s` says when to return."""

    code = "budget_exceeded"

    def __init__(self, standing: Standing, needed: int, now: datetime.datetime) -> None:
        until_reset = max(1, round((standing.resets_at - now).total_seconds()))
        limit = standing.limit or 0
        fits_later = standing.used + needed <= limit
        super().__init__(
            _refusal(standing, needed, fits_later=fits_later),
            retry_after_s=min(_SOON_S, until_reset) if fits_later else until_reset,
        )
        self.details |= {
            "budget": standing.budget.applies_to,
            "period": standing.budget.period,
            "unit": settings.CURRENCY if standing.is_money else "tokens",
            "resets_at": timezone.localtime(standing.resets_at).isoformat(),
        }


def standings(*, user: User, now: datetime.datetime | None = None) -> list[Standing]:
    """Return how the budgets stand that apply to a person, their own ones first."""
    return _standings(user, applicable(user), now or timezone.now())


def applicable(user: User) -> list[Budget]:
    """Return the budgets that a person's calls count for: own before each person's."""
    if user.organization_id is None:
        return []
    found = list(Budget.objects.of(user))
    own = {budget.period for budget in found if budget.user_id is not None}
    everybody = Budget.AppliesTo.EVERYBODY
    kept = [b for b in found if b.applies_to != everybody or b.period not in own]
    return sorted(kept, key=lambda b: (b.applies_to == Budget.AppliesTo.ORGANIZATION, b.period))


def warnings(*, user: User) -> list[str]:
    """Return a sentence for each budget that a person should be warned of."""
    return [standing.warning for standing in standings(user=user) if standing.is_warning]


def require_room(*, user: User, tokens: int, cost: Decimal) -> None:
    """Refuse a call that would not be let in now, without holding anything.

    Raises:
        BudgetExceeded: a limit would be passed.
    """
    now = timezone.now()
    if user.organization_id is not None:
        _settle_expired(user.organization_id, now)
    _require(_standings(user, applicable(user), now), tokens, billionths(cost), now)


@dataclass(frozen=True)
class Estimate:
    """What a call is taken to have used, should its process die before it can say."""

    feature: str
    model: str
    prompt_tokens: int
    completion_tokens: int


def reserve(
    *,
    key: uuid.UUID,
    user: User,
    tokens: int,
    cost: Decimal,
    estimate: Estimate,
    message_id: uuid.UUID | None = None,
) -> None:
    """Hold what a call may use at most, until `release`.

    One short transaction; where a budget has a limit, nobody else of the organization reserves or
    settles in it.

    Raises:
        BudgetExceeded: a limit would be passed; nothing is held.
    """
    if user.organization_id is None:
        return
    budgets = [b for b in applicable(user) if _has_limit(b)]
    with transaction.atomic():
        now = timezone.now()
        if budgets:
            _settle_expired(user.organization_id, now)
            lock(user.organization_id)
            _require(_standings(user, budgets, now), tokens, billionths(cost), now)
        # Its conversation may have been deleted since the answer was begun.
        messages = Message.objects.select_for_update()
        message = messages.filter(pk=message_id).first() if message_id else None
        Reservation.objects.create(
            id=key,
            organization_id=user.organization_id,
            user=user,
            message=message,
            tokens=tokens,
            cost=billionths(cost),
            created_at=now,
            expires_at=now + settings.TURN_ABANDONED_AFTER,
            **vars(estimate),
        )


def release(keys: Iterable[uuid.UUID]) -> None:
    """Give back what calls held, in the transaction that writes their usage into the ledger."""
    held = Reservation.objects.filter(pk__in=list(keys))
    organizations = set(held.values_list("organization_id", flat=True))
    for organization_id in sorted(organizations):
        lock(organization_id)
    held.delete()


def settle_expired() -> int:
    """Write what died with its process into the ledger, at its estimate; return how many."""
    now, settled = timezone.now(), 0
    expired = Reservation.objects.expired(now)
    for organization_id in sorted(set(expired.values_list("organization_id", flat=True))):
        settled += _settle_expired(organization_id, now)
    return settled


def _settle_expired(organization_id: uuid.UUID, now: datetime.datetime) -> int:
    expired = Reservation.objects.expired(now).filter(organization_id=organization_id)
    if not expired.exists():
        return 0
    with transaction.atomic():
        lock(organization_id)
        rows = list(expired)
        ledger.write([_lost(row) for row in rows])
        Reservation.objects.filter(pk__in=[row.pk for row in rows]).delete()
        return len(rows)


def _lost(row: Reservation) -> ledger.Entry:
    return ledger.Entry(
        organization_id=row.organization_id,
        user_id=row.user_id,
        message_id=row.message_id,
        call_id=row.pk,
        feature=row.feature,
        model=row.model,
        outcome=UsageRecord.Outcome.LOST,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        begun_at=row.created_at,
    )


def lock(organization_id: uuid.UUID) -> None:
    """Hold the organization's budgets until the transaction ends.

    On SQLite the transaction itself is the lock: it is immediate. Rows that refer to the
    organization can be written meanwhile.
    """
    rows = Organization.objects.select_for_update(no_key=True)
    rows.filter(pk=organization_id).values_list("pk").first()


def _standings(user: User, budgets: Sequence[Budget], now: datetime.datetime) -> list[Standing]:
    found: list[Standing] = []
    for budget in budgets:
        tokens_used, cost_used, tokens_held, cost_held = _spent(user, budget, now)
        resets_at = _end_of(budget.period, now)
        if budget.warn_tokens is not None or budget.limit_tokens is not None:
            found.append(
                Standing(
                    budget=budget,
                    is_money=False,
                    used=tokens_used,
                    reserved=tokens_held,
                    warn_at=budget.tokens_to_warn_at,
                    limit=budget.limit_tokens,
                    resets_at=resets_at,
                )
            )
        if budget.warn_cost is not None or budget.limit_cost is not None:
            found.append(
                Standing(
                    budget=budget,
                    is_money=True,
                    used=cost_used,
                    reserved=cost_held,
                    warn_at=_whole(budget.cost_to_warn_at),
                    limit=_whole(budget.limit_cost),
                    resets_at=resets_at,
                )
            )
    return found


def _spent(user: User, budget: Budget, now: datetime.datetime) -> tuple[int, int, int, int]:
    """Return tokens and cost that are used, then those that are held.

    What is held counts in every period: a call that began before midnight is settled after it.
    """
    together = budget.applies_to == Budget.AppliesTo.ORGANIZATION
    held = Reservation.objects.filter(organization_id=budget.organization_id)
    if not together:
        held = held.filter(user=user)
    # Held before used: what is settled between the two is counted twice rather than not at all.
    reserved = held.aggregate(tokens=Sum("tokens"), cost=Sum("cost"))
    used = DailyUsage.objects.filter(
        holder=budget.organization_id if together else user.pk,
        day__gte=_first_day(budget.period, now),
    ).aggregate(tokens=Sum("tokens"), cost=Sum("cost"))
    return (
        used["tokens"] or 0,
        used["cost"] or 0,
        reserved["tokens"] or 0,
        reserved["cost"] or 0,
    )


def _first_day(period: str, now: datetime.datetime) -> datetime.date:
    today = timezone.localdate(now)
    return today if period == Budget.Period.DAY else today.replace(day=1)


def _end_of(period: str, now: datetime.datetime) -> datetime.datetime:
    first = _first_day(period, now)
    if period == Budget.Period.DAY:
        following = first + datetime.timedelta(days=1)
    else:
        following = (first + datetime.timedelta(days=31)).replace(day=1)
    return timezone.make_aware(datetime.datetime.combine(following, datetime.time()))


def _require(found: Sequence[Standing], tokens: int, cost: int, now: datetime.datetime) -> None:
    for standing in found:
        needed = cost if standing.is_money else tokens
        if standing.left is not None and needed > standing.left:
            raise BudgetExceeded(standing, needed, now)


def _has_limit(budget: Budget) -> bool:
    return budget.limit_tokens is not None or budget.limit_cost is not None


def _whole(amount: Decimal | None) -> int | None:
    return None if amount is None else billionths(amount)


def _refusal(standing: Standing, needed: int, *, fits_later: bool) -> str:
    if fits_later:
        return (
            f"What is left of {lower(standing.name)} is held by answers that are being written."
            " Try again in half a minute."
        )
    resets = f"It starts anew on {standing.resets_text}."
    if not standing.left:
        return f"{standing.name} is used up. {resets}"
    if standing.is_of_organization:
        return f"{standing.name} has too little left for another answer. {resets}"
    return (
        f"{standing.name} has {standing.left_text} left, and another answer may need up to"
        f" {standing.text_of(needed)}. {resets}"
    )
