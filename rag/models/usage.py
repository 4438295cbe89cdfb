"""What the model calls cost."""

from django.db import models
from django.utils import timezone

from accounts.models import Organization, User
from rag.models.conversations import Message
from rag.querysets import UsageRecordQuerySet


class UsageRecord(models.Model):
    """One model call in the ledger; failed and stopped ones too."""

    class Outcome(models.TextChoices):
        COMPLETED = "completed", "Complete"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    message = models.ForeignKey(Message, on_delete=models.SET_NULL, null=True)
    feature = models.CharField(max_length=20, help_text="chat or condense.")
    model = models.CharField(max_length=100)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UsageRecordQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organization", "created_at"])]

    def __str__(self) -> str:
        return f"{self.feature} {self.outcome}"
