"""Sets budgets and prices; each change is in the audit trail."""

from decimal import Decimal

from django.db import transaction

from accounts import audit
from accounts.models import User
from knowledge.lib.errors import NotAllowed, NotFound
from rag.models import Budget, ModelPrice

_AMOUNTS = ("warn_tokens", "limit_tokens", "warn_cost", "limit_cost")


@transaction.atomic
def save_budget(*, budget: Budget, actor: User) -> Budget:
    """Create a budget or change its amounts; it holds from the next call on.

    Raises:
        ValidationError: there is such a budget already, or it names no amount.
        NotAllowed: the actor does not administer its organization.
    """
    _require_admin(budget, actor)
    if budget.applies_to != Budget.AppliesTo.PERSON:
        budget.user = None
    budget.full_clean()
    is_new = budget._state.adding
    budget.save()
    audit.record(
        action="budget.created" if is_new else "budget.changed",
        actor=actor,
        organization=budget.organization,
        target=budget,
        **_facts(budget),
    )
    return budget


@transaction.atomic
def delete_budget(*, budget: Budget, actor: User) -> None:
    """Delete a budget; what it limited is unlimited from the next call on."""
    _require_admin(budget, actor)
    audit.record(
        action="budget.deleted",
        actor=actor,
        organization=budget.organization,
        target=budget,
        **_facts(budget),
    )
    budget.delete()


@transaction.atomic
def save_price(*, price: ModelPrice, actor: User) -> ModelPrice:
    """Add a price or correct one; what was recorded before keeps its cost."""
    if not actor.is_superuser:
        raise NotAllowed
    price.full_clean()
    price.save()
    audit.record(
        action="price.saved",
        actor=actor,
        target=price,
        pattern=price.pattern,
        prompt_price=_text(price.prompt_price),
        completion_price=_text(price.completion_price),
        embedding_price=_text(price.embedding_price),
        valid_from=price.valid_from.isoformat(),
    )
    return price


@transaction.atomic
def delete_price(*, price: ModelPrice, actor: User) -> None:
    """Delete a price; what was recorded by it keeps its cost."""
    if not actor.is_superuser:
        raise NotAllowed
    audit.record(action="price.deleted", actor=actor, target=price, pattern=price.pattern)
    price.delete()


def _require_admin(budget: Budget, actor: User) -> None:
    if actor.is_superuser and actor.is_active:
        return
    if budget.organization_id != actor.organization_id:
        raise NotFound
    if not actor.is_organization_admin:
        raise NotAllowed


def _facts(budget: Budget) -> dict[str, object]:
    amounts = {name: getattr(budget, name) for name in _AMOUNTS}
    return {
        "applies_to": budget.applies_to,
        "period": budget.period,
        "user": str(budget.user_id) if budget.user_id else None,
    } | {
        name: _text(amount) if isinstance(amount, Decimal) else amount
        for name, amount in amounts.items()
    }


def _text(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
