"""What the calls of models cost: the ledger, its totals by day, and the prices."""

import uuid
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.models import Organization, User
from rag.models.conversations import Message
from rag.querysets import UsageRecordQuerySet

# Costs are kept to the billionth, so that a call of a few cheap tokens costs something.
COST_DIGITS = 18
COST_PLACES = 9
_NOT_NEGATIVE = [MinValueValidator(Decimal(0))]


class UsageRecord(models.Model):
    """One model call in the ledger; failed and stopped ones too.

    A row is never changed, but for one: the estimate of a call that was taken for lost, when its
    process turns out to have lived. When its person or message is deleted it stays without them,
    so that the totals stay.
    """

    class Outcome(models.TextChoices):
        COMPLETED = "completed", "Complete"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"
        LOST = "lost", "Cut off with its process; estimated"

    class Feature(models.TextChoices):
        CHAT = "chat", "Answers"
        CONDENSE = "condense", "Follow-up questions, reworded"
        TITLE = "title", "Titles of conversations"
        JUDGE = "judge", "Evaluation"
        EMBED_QUESTION = "embed_question", "Questions, embedded"
        EMBED_ANSWER = "embed_answer", "Sentences compared for answers"
        EMBED_DOCUMENT = "embed_document", "Documents, embedded"
        EMBED_AGAIN = "embed_again", "Documents, embedded for another model"

    # What language models do. Of embedding, budgets count the cost alone, where it has a price.
    OF_LANGUAGE_MODELS: ClassVar = (Feature.CHAT, Feature.CONDENSE, Feature.TITLE, Feature.JUDGE)

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    message = models.ForeignKey(Message, on_delete=models.SET_NULL, null=True)
    call = models.UUIDField(
        null=True, unique=True, editable=False, help_text="Of a language model: counted once."
    )
    feature = models.CharField(max_length=20, choices=Feature.choices)
    model = models.CharField(max_length=100)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    embedding_tokens = models.PositiveIntegerField(default=0)
    texts = models.PositiveIntegerField(default=0, help_text="How many texts were embedded.")
    cost = models.DecimalField(
        max_digits=COST_DIGITS,
        decimal_places=COST_PLACES,
        default=0,
        help_text="By the price in force when it was begun.",
    )
    ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UsageRecordQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["organization", "created_at"]),
            models.Index(fields=["user", "created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.outcome}"


class DailyUsage(models.Model):
    """What models cost one person, or one organization, on one day.

    It is written in the transaction of the ledger's rows, so that a budget is checked without
    adding up a month. Whole billionths of the currency: every database adds those up exactly.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    holder = models.UUIDField(help_text="Key of the person or of the organization.")
    day = models.DateField(help_text="In the time zone of the installation.")
    tokens = models.PositiveBigIntegerField(default=0, help_text="Of language models.")
    cost = models.PositiveBigIntegerField(default=0, help_text="In billionths; embedding too.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["holder", "day"], name="daily_usage_unique")]

    def __str__(self) -> str:
        return f"{self.day}: {self.tokens}"


class ModelPrice(models.Model):
    """What a million tokens of some models cost from a moment on."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pattern = models.CharField(
        "model",
        max_length=100,
        help_text="A model's name; * stands for any characters. The longest that fits counts.",
    )
    prompt_price = models.DecimalField(
        max_digits=14, decimal_places=6, default=0, validators=_NOT_NEGATIVE
    )
    completion_price = models.DecimalField(
        max_digits=14, decimal_places=6, default=0, validators=_NOT_NEGATIVE
    )
    embedding_price = models.DecimalField(
        max_digits=14, decimal_places=6, default=0, validators=_NOT_NEGATIVE
    )
    valid_from = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["pattern", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["pattern", "valid_from"],
                name="model_price_unique",
                violation_error_message="There is a price of this model from this moment already.",
            )
        ]

    def __str__(self) -> str:
        return self.pattern

    def fits(self, model: str) -> bool:
        """Tell whether it is the price of a model of this name."""
        return fnmatchcase(model.lower(), self.pattern.lower())
