"""The audit trail: rows that are only added, in one chain an organization."""

import uuid
from typing import Any

from django.db import models
from django.utils import timezone

from accounts.acts import ACTS
from accounts.models.people import Organization, User
from accounts.querysets import AppendOnly, AuditEventQuerySet

# The chain of what belongs to no organization.
PLATFORM = uuid.UUID(int=0)


class AuditEvent(models.Model):
    """One security-relevant act: who did what, on what, from where, when.

    Organization and actor are plain ids to the database: an event outlives both. Database triggers
    refuse to change a row, and to delete one that no checkpoint covers.
    """

    organization = models.ForeignKey(
        Organization,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="audit_events",
        null=True,
    )
    sequence = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="From 1 in each organization's chain, without a gap."
    )
    actor = models.ForeignKey(
        User,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="audit_events",
        null=True,
    )
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict, blank=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    previous_hash = models.CharField(max_length=64, blank=True, editable=False)
    hash = models.CharField(
        max_length=64,
        blank=True,
        editable=False,
        help_text="SHA-256 of all fields and the hash before it.",
    )

    objects = AuditEventQuerySet.as_manager()
    # What a page calls its object and the person it names, if they are there still.
    object_name = person_name = ""

    class Meta:
        ordering = ["-id"]
        base_manager_name = "objects"
        indexes = [
            models.Index(fields=["organization", "-created_at"]),
            models.Index(fields=["object_id", "-created_at"], name="audit_of_object"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organization", "sequence"], name="audit_sequence"),
            models.UniqueConstraint(
                fields=["sequence"],
                condition=models.Q(organization__isnull=True),
                name="audit_sequence_of_platform",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: an event is written by `accounts.audit` alone, with its place in the chain."""
        raise AppendOnly

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse: `manage.py archive_audit` is the one way out."""
        raise AppendOnly

    @property
    def label(self) -> str:
        """What was done, in words."""
        return ACTS.get(self.action, self.action)


class AuditChain(models.Model):
    """The head of one chain; its row is locked by whoever adds to the chain.

    The key is the organization's, which it outlives, or `PLATFORM`.
    """

    key = models.UUIDField(primary_key=True, editable=False)
    count = models.PositiveBigIntegerField(default=0, help_text="Events ever written to it.")
    head = models.CharField(max_length=64, blank=True, help_text="Hash of the last one.")
    seal = models.CharField(
        max_length=64,
        blank=True,
        help_text="HMAC of key, count and head with the secret key; empty once it did not fit.",
    )

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"


class AuditCheckpoint(models.Model):
    """Up to where a chain was archived: what it covers may be deleted, and nothing else."""

    chain = models.ForeignKey(AuditChain, on_delete=models.PROTECT, related_name="checkpoints")
    sequence = models.PositiveBigIntegerField(help_text="The last event that was archived.")
    hash = models.CharField(max_length=64, help_text="Its hash: the next event refers to it.")
    file_sha256 = models.CharField(max_length=64, help_text="Of the file it was written to.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["chain", "sequence"]
        constraints = [
            models.UniqueConstraint(fields=["chain", "sequence"], name="audit_checkpoint_unique")
        ]

    def __str__(self) -> str:
        return f"{self.chain_id}: {self.sequence}"
