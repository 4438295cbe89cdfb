"""Creates, renames and deletes teams, and says who is in them."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import Membership, Organization, Team, User
from accounts.services import rights
from knowledge.lib.errors import InvalidInput, NotFound


@transaction.atomic
def create_team(*, actor: User, name: str, organization: Organization | None = None) -> Team:
    """Create an empty team in the actor's organization; only a superuser may name another one.

    Raises:
        ValidationError: a team of this name exists already.
    """
    home = organization or actor.organization
    if home is None:
        raise InvalidInput("Name the organization that the team belongs to.")
    rights.require_admin_of(actor=actor, organization_id=home.pk)
    team = Team(organization=home, name=name)
    _save(team)
    _note("team.created", actor, team, name=team.name)
    return team


@transaction.atomic
def rename_team(*, team: Team, actor: User, name: str) -> Team:
    """Give a team another name; who is in it and what it may read stay."""
    rights.require_may_manage_team(actor=actor, team=team)
    team.refresh_from_db()
    if name.strip() == team.name:
        return team
    before, team.name = team.name, name
    _save(team)
    _note("team.renamed", actor, team, before=before, after=team.name)
    return team


@transaction.atomic
def delete_team(*, team: Team, actor: User) -> None:
    """Delete a team; what was shared with it alone is seen by owners and admins only."""
    rights.require_may_manage_team(actor=actor, team=team)
    _note("team.deleted", actor, team, name=team.name, members=team.memberships.count())
    team.delete()


@transaction.atomic
def add_member(*, team: Team, user: User, actor: User) -> Membership:
    """Put a person into a team of the same organization; adding twice changes nothing.

    Raises:
        NotFound: the person is of another organization, whose people are not known here.
    """
    rights.require_may_manage_team(actor=actor, team=team)
    if user.organization_id != team.organization_id:
        raise NotFound("There is no such person in the team's organization.")
    membership, created = Membership.objects.get_or_create(team=team, user=user)
    if created:
        _note("team.member_added", actor, team, user_id=str(user.pk))
    return membership


@transaction.atomic
def remove_member(*, team: Team, user: User, actor: User) -> None:
    """Take a person out of a team: what it may read is closed to them from the next query on."""
    rights.require_may_manage_team(actor=actor, team=team)
    deleted, _ = Membership.objects.filter(team=team, user=user).delete()
    if not deleted:
        raise NotFound()
    _note("team.member_removed", actor, team, user_id=str(user.pk))


def _save(team: Team) -> None:
    team.name = team.name.strip()
    team.full_clean()
    try:
        with transaction.atomic():
            team.save()
    except IntegrityError:  # somebody was faster, after the check of uniqueness
        raise ValidationError({"name": "A team of this name exists already."}) from None


def _note(action: str, actor: User, team: Team, **details: str | int) -> None:
    audit.record(action=action, actor=actor, organization=team.organization, target=team, **details)
