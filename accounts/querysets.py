"""Who may see which person, team and audit event."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.auth.base_user import BaseUserManager
from django.db.models import QuerySet
from django.utils import timezone

if TYPE_CHECKING:
    from accounts.models import AuditEvent, Invitation, Membership, Organization, Team, User


class OrganizationQuerySet(QuerySet["Organization"]):
    """Organizations."""

    def suspended(self) -> OrganizationQuerySet:
        """Return those that are at rest."""
        return self.filter(suspended_at__isnull=False)

    def to_remove(self) -> OrganizationQuerySet:
        """Return those that are to be deleted, as far as they have not been yet."""
        return self.filter(removal_requested_at__isnull=False)


class UserQuerySet(QuerySet["User"]):
    """People."""

    def visible_to(self, user: User) -> UserQuerySet:
        """Return the people of the user's organization, for its admins; else the user alone."""
        if not user.is_in_service:
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
        if not user.is_in_service or user.organization_id is None:
            return self.none()
        within = self.filter(organization_id=user.organization_id)
        if user.is_organization_admin:
            return within
        return within.filter(pk__in=user.memberships.values("team_id"))


class MembershipQuerySet(QuerySet["Membership"]):
    """Memberships of teams."""

    def visible_to(self, user: User) -> MembershipQuerySet:
        """Return the memberships of the organization for its admins, else the user's own."""
        if not user.is_in_service or user.organization_id is None:
            return self.none()
        mine = self.filter(team__organization_id=user.organization_id)
        return mine if user.is_organization_admin else mine.filter(user=user)


class InvitationQuerySet(QuerySet["Invitation"]):
    """Invitations."""

    def visible_to(self, user: User) -> InvitationQuerySet:
        """Return the organization's, for its admins alone."""
        if user.organization_id is None or not user.is_organization_admin:
            return self.none()
        return self.filter(organization_id=user.organization_id)

    def open(self) -> InvitationQuerySet:
        """Return those whose link works now."""
        return self.filter(
            accepted_at__isnull=True,
            revoked_at__isnull=True,
            expires_at__gt=timezone.now(),
            organization__suspended_at__isnull=True,
        )


class AppendOnly(TypeError):
    """Somebody tried to change or delete what may only be added to."""

    def __init__(self) -> None:
        super().__init__("The audit trail is only added to, by accounts.audit.")


class AuditEventQuerySet(QuerySet["AuditEvent"]):
    """The audit trail, which is read here and added to by `append`; whatever else is refused."""

    def visible_to(self, user: User) -> AuditEventQuerySet:
        """Return the organization's events, for its admins alone."""
        if user.organization_id is None or not user.is_organization_admin:
            return self.none()
        return self.filter(organization_id=user.organization_id)

    def of_chain(self, organization_id: uuid.UUID | None) -> AuditEventQuerySet:
        """Return one organization's events, or those of the platform itself, in order."""
        if organization_id is None:
            return self.filter(organization__isnull=True).order_by("sequence")
        return self.filter(organization_id=organization_id).order_by("sequence")

    def matching(
        self,
        *,
        action: str = "",
        actor_id: uuid.UUID | None = None,
        object_type: str = "",
        object_id: str = "",
        start: datetime.date | None = None,
        end: datetime.date | None = None,
    ) -> AuditEventQuerySet:
        """Return the events that fit; what is empty is not asked for.

        Args:
            action: the whole name, or its beginning with the dot: `document.`.
            start, end: days, both included.
        """
        events = self
        if action.endswith("."):
            events = events.filter(action__startswith=action)
        elif action:
            events = events.filter(action=action)
        if actor_id is not None:
            events = events.filter(actor_id=actor_id)
        if object_type:
            events = events.filter(object_type=object_type)
        if object_id:
            events = events.filter(object_id=object_id)
        if start is not None:
            events = events.filter(created_at__gte=_midnight(start))
        if end is not None and end < datetime.date.max:
            events = events.filter(created_at__lt=_midnight(end + datetime.timedelta(days=1)))
        return events

    def with_actors(self) -> AuditEventQuerySet:
        """Load who did it too; nobody where the person is gone, whose event a join would drop."""
        return self.prefetch_related("actor")

    def latest_first(self) -> AuditEventQuerySet:
        """Order by the chain, the last event first."""
        return self.order_by("-sequence")

    def append(self, events: Sequence[AuditEvent]) -> None:
        """Insert events that have their place in the chain."""
        super().bulk_create(events, batch_size=500)

    def remove_archived(self) -> int:
        """Delete these rows, which a checkpoint covers: else the database refuses."""
        return self._raw_delete(self.db)

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise AppendOnly

    create = update = delete = bulk_create = bulk_update = _refuse
    get_or_create = update_or_create = _refuse
    acreate = aupdate = adelete = abulk_create = abulk_update = _refuse
    aget_or_create = aupdate_or_create = _refuse


def _midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min))
