"""Who may change whom: the one place that every act on people and teams asks first."""

import uuid

from accounts.models import Organization, Team, User
from knowledge.lib.errors import Conflict, NotAllowed, NotFound


def require_admin_of(*, actor: User, organization_id: uuid.UUID | None) -> None:
    """Refuse an actor who administers neither this organization nor the platform."""
    if not _administers(actor, organization_id):
        raise NotAllowed()


def require_may_manage_user(*, actor: User, user: User) -> None:
    """Refuse an actor who may not change this person.

    SECURITY: an organization's admin who could change a platform superuser (password, email) could
    become one, so only superusers change superusers.
    """
    if not (actor.is_superuser or User.objects.visible_to(actor).filter(pk=user.pk).exists()):
        raise NotFound()
    if not _administers(actor, user.organization_id) or (
        user.is_superuser and not actor.is_superuser
    ):
        raise NotAllowed()


def require_may_manage_team(*, actor: User, team: Team) -> None:
    """Refuse an actor who may not change this team; who cannot see it learns nothing of it."""
    if not (actor.is_superuser or Team.objects.visible_to(actor).filter(pk=team.pk).exists()):
        raise NotFound()
    require_admin_of(actor=actor, organization_id=team.organization_id)


def require_superuser(*, actor: User) -> None:
    """Refuse whoever is not an operator of the platform."""
    if not (actor.is_in_service and actor.is_superuser):
        raise NotAllowed()


def lock_people(organization_id: uuid.UUID | None) -> None:
    """Hold the organization until the transaction ends, so that two acts cannot each spare one.

    On SQLite the transaction itself is the lock: it is immediate.
    """
    if organization_id is not None:
        Organization.objects.select_for_update().get(pk=organization_id)


def require_another_admin(*, user: User) -> None:
    """Refuse to take the last active admin from an organization; call under `lock_people`."""
    if not user.is_organization_admin or user.organization_id is None:
        return
    others = User.objects.filter(
        organization_id=user.organization_id, role=User.Role.ADMIN, is_active=True
    ).exclude(pk=user.pk)
    if not others.exists():
        raise Conflict(
            "This is the organization's last active administrator. "
            "Make somebody else an administrator first."
        )


def _administers(actor: User, organization_id: uuid.UUID | None) -> bool:
    if not actor.is_in_service:
        return False
    if actor.is_superuser:
        return True
    return actor.is_organization_admin and actor.organization_id == organization_id
