"""Checks, repairs and rebuilds of indexes, and what each of them found."""

import datetime

from django.db import models
from django.utils import timezone

from accounts.models import Organization, User
from rag.querysets import IndexRunQuerySet

# The queue ends a task after an hour: whatever is older lost its worker.
ABANDONED_AFTER = datetime.timedelta(minutes=65)


class IndexRun(models.Model):
    """One check, repair or rebuild; without an organization, of what belongs to none of several."""

    class Action(models.TextChoices):
        CHECK = "check", "Check"
        REPAIR = "repair", "Repair"
        REBUILD = "rebuild", "Rebuild"

    class Status(models.TextChoices):
        QUEUED = "queued", "Waiting for a worker"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Waiting until the suspension is lifted"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Failed"

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="index_runs", null=True
    )
    action = models.CharField(max_length=10, choices=Action.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    requested_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    consistent = models.BooleanField(null=True, help_text="Whether no fault was found, or left.")
    report = models.JSONField(default=dict, help_text="What was found, or was left after it.")
    repaired = models.JSONField(default=list, help_text="The findings that a repair began with.")
    error_message = models.TextField(blank=True)

    objects = IndexRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organization", "action", "-id"], name="index_run_newest")]

    def __str__(self) -> str:
        return f"{self.action} {self.status}"

    @property
    def is_open(self) -> bool:
        """Whether its result is still to come."""
        is_fresh = timezone.now() - (self.started_at or self.requested_at) < ABANDONED_AFTER
        return is_fresh and self.status in (self.Status.QUEUED, self.Status.RUNNING)

    @property
    def status_label(self) -> str:
        """The status in words, where a run whose worker died counts as stopped."""
        if self.status in (self.Status.QUEUED, self.Status.RUNNING) and not self.is_open:
            return "Stopped without a result"
        return self.Status(self.status).label
