"""Organizations, people and teams."""

import uuid
from collections.abc import Iterator
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.querysets import (
    MembershipQuerySet,
    OrganizationQuerySet,
    TeamQuerySet,
    UserManager,
)


class Organization(models.Model):
    """A tenant: nothing of it is ever shown to another."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    suspended_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since then nobody of it is let in."
    )
    removal_requested_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="It is being deleted, which goes on."
    )
    removal_seen_at = models.DateTimeField(
        null=True, editable=False, help_text="Last sign of whoever deletes it."
    )

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="organization_name_unique",
                violation_error_message="An organization of this name exists already.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_suspended(self) -> bool:
        """Whether its people, their tokens and its documents are at rest."""
        return self.suspended_at is not None


class User(AbstractBaseUser, PermissionsMixin):
    """A person of one organization; `is_superuser` is the operator of the whole platform."""

    class Role(models.TextChoices):
        ADMIN = "admin", "Administrator"
        USER = "user", "User"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(
        max_length=254,
        unique=True,
        error_messages={"unique": "A user with this email exists already."},
    )
    name = models.CharField(max_length=150, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.USER)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="users", null=True, blank=True
    )
    is_active = models.BooleanField("active", default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)
    # Counted up to end every session and token at once, also for a user who is made active again.
    session_version = models.PositiveIntegerField(default=0, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["email"]
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_unique",
                violation_error_message="A user with this email exists already.",
            )
        ]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """Hold the email in lower case, and every person but the operator to an organization."""
        super().clean()
        self.email = self.email.strip().lower()
        if self.organization_id is None and not self.is_superuser:
            raise ValidationError({"organization": "A user belongs to an organization."})

    @property
    def is_suspended(self) -> bool:
        """Whether the organization is suspended, and the user with it."""
        return self.organization is not None and self.organization.is_suspended

    @property
    def is_in_service(self) -> bool:
        """Whether the user may do anything: active, in an organization that is not suspended."""
        return self.is_active and not self.is_suspended

    @property
    def is_organization_admin(self) -> bool:
        """Whether the user administers their own organization (never another one)."""
        if self.role != self.Role.ADMIN or self.organization_id is None:
            return False
        return self.is_in_service

    @property
    def is_staff(self) -> bool:
        """Whether Django admin lets the user in; what it shows there is limited by ModelAdmin."""
        return self.is_superuser or self.is_organization_admin

    @property
    def display_name(self) -> str:
        """What the user is called on pages."""
        return self.name or self.email

    def get_session_auth_hash(self) -> str:
        """Bind sessions to password and session version: a change of either ends them."""
        return self._session_hash(settings.SECRET_KEY)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """Yield the same for each older secret key that is still accepted."""
        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._session_hash(secret)

    def _session_hash(self, secret: str | bytes) -> str:
        bound_to = f"{self.password}:{self.session_version}"
        digest = salted_hmac("accounts.session", bound_to, secret=secret, algorithm="sha256")
        return digest.hexdigest()


class Team(models.Model):
    """A named group of people inside one organization, to share documents with."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="teams")
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("name"),
                name="team_name_unique",
                violation_error_message="A team of this name exists already.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person in one team, both of the same organization."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="membership_unique")]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"

    def clean(self) -> None:
        """SECURITY: a team with someone of another organization would share across the border."""
        super().clean()
        if self.team_id is None or self.user_id is None:
            return  # a form reports the missing one by itself
        if self.team.organization_id != self.user.organization_id:
            raise ValidationError("Team and member belong to different organizations.")
