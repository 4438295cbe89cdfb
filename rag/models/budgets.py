"""What may be spent: budgets, and what running calls hold of them."""

import uuid
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Organization, User
from rag.models.conversations import Message
from rag.models.usage import COST_DIGITS, COST_PLACES
from rag.querysets import BudgetQuerySet, ReservationQuerySet

_WARN_SHARE = Decimal("0.8")


class Budget(models.Model):
    """What an organization, or a person of it, may spend on language models in a day or a month."""

    class AppliesTo(models.TextChoices):
        ORGANIZATION = "organization", "The organization together"
        EVERYBODY = "everybody", "Each person"
        PERSON = "person", "One person"

    class Period(models.TextChoices):
        DAY = "day", "Day"
        MONTH = "month", "Month"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="budgets")
    applies_to = models.CharField(max_length=12, choices=AppliesTo.choices)
    user = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        related_name="budgets",
        null=True,
        blank=True,
        help_text="For one person, in place of what each person has.",
    )
    period = models.CharField(max_length=5, choices=Period.choices)
    warn_tokens = models.PositiveBigIntegerField(
        "warn at tokens", null=True, blank=True, help_text="Empty: at 80 % of the limit."
    )
    limit_tokens = models.PositiveBigIntegerField(
        "limit of tokens", null=True, blank=True, help_text="Empty: warn alone."
    )
    warn_cost = models.DecimalField(
        "warn at cost",
        max_digits=COST_DIGITS,
        decimal_places=COST_PLACES,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text="Empty: at 80 % of the limit.",
    )
    limit_cost = models.DecimalField(
        "limit of cost",
        max_digits=COST_DIGITS,
        decimal_places=COST_PLACES,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text="Empty: warn alone.",
    )

    objects = BudgetQuerySet.as_manager()

    class Meta:
        ordering = ["applies_to", "user__email", "period"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "applies_to", "period"],
                condition=Q(user=None),
                name="budget_unique",
                violation_error_message="There is such a budget already: change that one.",
            ),
            models.UniqueConstraint(
                fields=["user", "period"],
                name="budget_of_person_unique",
                violation_error_message="There is such a budget already: change that one.",
            ),
            models.CheckConstraint(
                condition=Q(applies_to="person", user__isnull=False)
                | (~Q(applies_to="person") & Q(user=None)),
                name="budget_person",
                violation_error_message="Name a person for a budget of one person, and only then.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_applies_to_display()}, {self.get_period_display().lower()}"

    def clean(self) -> None:
        """SECURITY: a budget for somebody of another organization would limit a stranger."""
        super().clean()
        if self.user is not None and self.user.organization_id != self.organization_id:
            raise ValidationError({"user": "Name somebody of this organization."})
        amounts = (self.warn_tokens, self.limit_tokens, self.warn_cost, self.limit_cost)
        if all(amount is None for amount in amounts):
            raise ValidationError("Give at least one amount of tokens or money.")

    @property
    def tokens_to_warn_at(self) -> int | None:
        """From how many used tokens on people are warned."""
        if self.warn_tokens is not None or self.limit_tokens is None:
            return self.warn_tokens
        return int(self.limit_tokens * _WARN_SHARE)

    @property
    def cost_to_warn_at(self) -> Decimal | None:
        """From what cost on people are warned."""
        if self.warn_cost is not None or self.limit_cost is None:
            return self.warn_cost
        return self.limit_cost * _WARN_SHARE


class Reservation(models.Model):
    """What one running call may cost at most, until its real usage is in the ledger.

    It counts until its call is in the ledger. Where the process died, that is when it has expired
    and somebody asks for room, or the sweeper looks: an estimate is written then, since a server
    may well have worked for it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, on_delete=models.SET_NULL, null=True, related_name="+")
    tokens = models.PositiveBigIntegerField()
    cost = models.PositiveBigIntegerField(help_text="In billionths.")
    feature = models.CharField(max_length=20, blank=True)
    model = models.CharField(max_length=100, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0, help_text="As estimated.")
    completion_tokens = models.PositiveIntegerField(default=0, help_text="As estimated.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()

    objects = ReservationQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["organization", "expires_at"])]

    def __str__(self) -> str:
        return f"{self.tokens} tokens"
