"""Who may see which person, team and audit event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.base_user import BaseUserManager
from django.db.models import QuerySet

if TYPE_CHECKING:
    from accounts.models import AuditEvent, Membership, Team, User


class UserQuerySet(QuerySet["User"]):
    """People."""

    def visible_to(self, user: User) -> UserQuerySet:
        """Return the people of the user's organization, for its admins; else the user alone."""
        if not user.is_active:
            return self.none()
        if user.organization_id is not None and user.is_organization_admin:
            return self.filter(organization_id=user.organization_id)
        return self.filter(pk=user.pk)


class UserManager(BaseUserManager["User"]):
    """Creates people; an email is one person whatever its case."""

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def visible_to(self, user: User) -> UserQuerySet:
        return self.get_queryset().visible_to(user)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(
            email, password, **{**fields, "is_superuser": True, "role": "admin"}
        )


class TeamQuerySet(QuerySet["Team"]):
    """Teams."""

    def visible_to(self, user: User) -> TeamQuerySet:
        """Return the teams of the organization for its admins, else those the user is in."""
        if not user.is_active or user.organization_id is None:
            return self.none()
        within = self.filter(organization_id=user.organization_id)
        if user.is_organization_admin:
            return within
        return within.filter(pk__in=user.memberships.values("team_id"))


class MembershipQuerySet(QuerySet["Membership"]):
    """Memberships of teams."""

    def visible_to(self, user: User) -> MembershipQuerySet:
        """Return the memberships of the organization for its admins, else the user's own."""
        if not user.is_active or user.organization_id is None:
            return self.none()
        mine = self.filter(team__organization_id=user.organization_id)
        return mine if user.is_organization_admin else mine.filter(user=user)


class AuditEventQuerySet(QuerySet["AuditEvent"]):
    """The audit trail."""

    def visible_to(self, user: User) -> AuditEventQuerySet:
        """Return the organization's events, for its admins alone."""
        if user.organization_id is None or not user.is_organization_admin:
            return self.none()
        return self.filter(organization_id=user.organization_id)
