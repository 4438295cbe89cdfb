"""Invitations: who may join an organization by a link, until when."""

import uuid

from django.db import models
from django.utils import timezone

from accounts.models.people import Organization, Team, User
from accounts.querysets import InvitationQuerySet


class Invitation(models.Model):
    """A link by which one person joins, once; the link itself is not kept, only its digest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="invitations"
    )
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=User.Role.choices, default=User.Role.USER)
    teams = models.ManyToManyField(Team, blank=True, related_name="invitations")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "pk"]
        indexes = [models.Index(fields=["organization", "-created_at"], name="invitation_newest")]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """Hold the email as a person's is held."""
        super().clean()
        self.email = self.email.strip().lower()
