"""The change of an organization's embedding model, from its first batch to the switch."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Organization
from rag.querysets import ModelChangeQuerySet

_OPEN = ("building", "ready")


class ModelChange(models.Model):
    """One change: vectors of `model` are built beside those in use, then queries are switched.

    The row is the truth about it; a worker or a command that goes on with it holds its lease.
    """

    class Status(models.TextChoices):
        BUILDING = "building", "Building"
        READY = "ready", "Ready"
        SWITCHED = "switched", "Switched"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="model_changes"
    )
    model = models.CharField(max_length=100, help_text="The embedding model to change to.")
    previous_model = models.CharField(max_length=100, help_text="In use when it began.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.BUILDING)
    is_rollback = models.BooleanField(default=False, help_text="Undoes an earlier change.")
    force = models.BooleanField(default=False, help_text="Switch even if the search gets worse.")
    switch_when_ready = models.BooleanField(
        default=True, help_text="If not, it waits for somebody to switch."
    )
    done = models.PositiveBigIntegerField(default=0, help_text="Passages that have a vector.")
    total = models.PositiveBigIntegerField(default=0, help_text="Passages, when last counted.")
    position = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Key of the chunk up to which this round has come."
    )
    evaluation = models.JSONField(
        null=True, blank=True, help_text="How well both models find what was asked for."
    )
    error = models.TextField(blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    prepared_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="From here on a process may hold an index of the new model.",
    )
    switched_at = models.DateTimeField(null=True, blank=True, editable=False)

    # Who works on it, until when; a runner that lost the lease writes nothing any more.
    lease_token = models.UUIDField(null=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="Taken up since the last batch was written."
    )
    queued_at = models.DateTimeField(
        null=True, editable=False, help_text="When a worker was rung for and has not come yet."
    )

    objects = ModelChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization"],
                condition=Q(status__in=_OPEN),
                name="model_change_one_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.previous_model} to {self.model}"

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.status in _OPEN

    @property
    def percent(self) -> int:
        """How far the vectors are."""
        return min(100, 100 * self.done // self.total) if self.total else 100
