"""How a budget stands, in numbers and in words."""

import datetime
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.utils import timezone

from rag.models import Budget
from rag.prices import from_billionths


@dataclass(frozen=True)
class Standing:
    """How one budget stands in one unit, tokens or money.

    Attributes:
        is_money: whether the amounts are billionths of the currency; else tokens.
        used: in the ledger.
        reserved: held by calls under way.
        limit: None for a budget that only warns.
        resets_at: when the period ends.
    """

    budget: Budget
    is_money: bool
    used: int
    reserved: int
    warn_at: int | None
    limit: int | None
    resets_at: datetime.datetime

    @property
    def left(self) -> int | None:
        """What is neither spent nor held."""
        return None if self.limit is None else max(0, self.limit - self.used - self.reserved)

    @property
    def is_warning(self) -> bool:
        """Whether people are told."""
        return self.warn_at is not None and self.used >= self.warn_at

    @property
    def percent(self) -> int:
        """Used of the limit, or of what is warned at; rounded down."""
        whole = self.limit if self.limit is not None else self.warn_at
        return 100 * self.used // whole if whole else 100

    @property
    def is_of_organization(self) -> bool:
        """Whether it is spent together."""
        return self.budget.applies_to == Budget.AppliesTo.ORGANIZATION

    @property
    def name(self) -> str:
        """Whose and how long, for example "Your daily budget"."""
        whose = "Your organization's" if self.is_of_organization else "Your"
        adjective = "daily" if self.budget.period == Budget.Period.DAY else "monthly"
        return f"{whose} {adjective} budget"

    @property
    def used_text(self) -> str:
        return self.text_of(self.used)

    @property
    def limit_text(self) -> str:
        return "" if self.limit is None else self.text_of(self.limit)

    @property
    def left_text(self) -> str:
        return "" if self.left is None else self.text_of(self.left)

    @property
    def resets_text(self) -> str:
        """When the period ends, in the time zone of the installation."""
        moment = timezone.localtime(self.resets_at)
        return f"{moment:%-d %B %Y at %H:%M} ({moment.tzname()})"

    @property
    def warning(self) -> str:
        """One sentence for the person; nobody is told what colleagues spent."""
        whole = "" if self.is_of_organization else f": {self.used_text}"
        if self.limit is not None:
            whole += "" if self.is_of_organization else f" of {self.limit_text}"
            return f"{self.percent} % of {lower(self.name)} is used{whole}."
        return f"{self.name} is used up{whole}. You can go on."

    def text_of(self, amount: int) -> str:
        """Return an amount as people read it."""
        if not self.is_money:
            return f"{amount:,} tokens"
        return money_text(from_billionths(amount))


def money_text(amount: Decimal) -> str:
    """Return an amount of money as people read it: cents, and more places for less than a cent."""
    exact = amount.quantize(Decimal("0.01"))
    if amount and amount < 1 and exact != amount:
        exact = amount.quantize(Decimal("0.0001"))
        return (
            f"less than 0.0001 {settings.CURRENCY}" if not exact else f"{exact} {settings.CURRENCY}"
        )
    return f"{exact:,} {settings.CURRENCY}"


def lower(name: str) -> str:
    """Return a budget's name inside a sentence."""
    return name[0].lower() + name[1:]
