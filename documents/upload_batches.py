"""An upload of many files: what was announced, what became of each, so that it can be gone on with.

`documents.models` gives these to Django; they name its models by text and import none of them.
"""

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts.models import Organization, Team, User
from documents.querysets import UploadBatchQuerySet, UploadFileQuerySet


class UploadBatch(models.Model):
    """A folder, or files that were chosen together, on their way from one person's browser."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="upload_batches"
    )
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="upload_batches")
    name = models.CharField(max_length=255, help_text="Of the folder, or how many files it are.")
    visibility = models.CharField(max_length=12, help_text="That its documents begin with.")
    teams = models.ManyToManyField(Team, related_name="+", blank=True)
    on_same_name = models.CharField(
        max_length=8,
        default="keep",
        help_text="What becomes of a file whose name its owner has: documents.versions.OnSameName.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_sent_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UploadBatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "upload batches"
        ordering = ["-created_at", "pk"]
        indexes = [models.Index(fields=["owner", "-created_at"], name="upload_batch_newest")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """SECURITY: the owner is of the batch's organization."""
        super().clean()
        if self.owner.organization_id != self.organization_id:
            raise ValidationError("Upload and owner belong to different organizations.")


class UploadFile(models.Model):
    """One file of an upload; it goes with the document that it became."""

    class State(models.TextChoices):
        WAITING = "waiting", "Not sent yet"
        TAKEN = "taken", "Uploaded"
        KNOWN = "known", "Already there"
        REFUSED = "refused", "Not taken"

    batch = models.ForeignKey(UploadBatch, on_delete=models.CASCADE, related_name="files")
    number = models.PositiveIntegerField(help_text="From 1, in the order of the browser.")
    key = models.CharField(max_length=64, help_text="SHA-256 of the path as the browser gave it.")
    path = models.CharField(max_length=1000, help_text="Inside the folder; shown, never a path.")
    size = models.PositiveBigIntegerField(help_text="Bytes, as the browser says.")
    modified = models.BigIntegerField(default=0, help_text="Milliseconds since 1970.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    reason = models.TextField(blank=True, help_text="Why it was not taken.")
    document = models.ForeignKey(
        "documents.Document", null=True, on_delete=models.CASCADE, related_name="sent_as"
    )

    objects = UploadFileQuerySet.as_manager()

    is_next_version: bool  # of rows that were read `with_became`

    class Meta:
        ordering = ["number"]
        indexes = [models.Index(fields=["batch", "state", "document"], name="upload_file_state")]
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="upload_file_number"),
            models.UniqueConstraint(fields=["batch", "key"], name="upload_file_key"),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def is_done(self) -> bool:
        """Whether its bytes are here, so that it need not be sent (again)."""
        return self.state in (self.State.TAKEN, self.State.KNOWN)

    @property
    def said(self) -> str:
        """Why it failed, at the upload or while it was read; "" where it has not."""
        became = self.became
        if became is not None and became.is_failed:
            return str(became.error_message)
        return self.reason

    @property
    def became(self) -> Any:
        """The document, or its next version until that is in force; None if it was not taken.

        Of rows that were read `with_became`, which decides it for counts and lists alike.
        """
        document = self.document
        return document.new_version if document and self.is_next_version else document
