"""Evaluations: the throw-away organizations that they work in."""

from django.db import models
from django.utils import timezone

from accounts.models import Organization


class EvaluationWorkspace(models.Model):
    """Marks an organization that one evaluation made for itself, to be removed after it.

    Whatever carries this mark may be removed with all its documents, and nothing else may.
    """

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, primary_key=True, related_name="evaluation"
    )
    host = models.CharField(max_length=255, help_text="The machine whose process made it.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"made on {self.host}"
