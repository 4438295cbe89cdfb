"""Invites people by a link that works once, until it expires or is taken back."""

import datetime
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.exceptions import InvitationNotValid
from accounts.models import Invitation, Membership, Team, User
from accounts.services import rights
from accounts.services.people import add_account, require_strong
from knowledge.lib.errors import InvalidInput, NotFound

_TOKEN_BYTES = 32  # far beyond guessing, so that a plain digest of it keeps it secret


@dataclass(frozen=True)
class NewInvitation:
    """An invitation and the token of its link, which is known here and now only."""

    invitation: Invitation
    token: str = field(repr=False)


@transaction.atomic
def invite(
    *, actor: User, email: str, role: str = User.Role.USER, teams: Sequence[Team] = ()
) -> NewInvitation:
    """Invite a person into the actor's organization; an open invitation of theirs is replaced.

    SECURITY: whether the address belongs to somebody of another organization changes nothing here,
    neither the answer nor what is written.

    Raises:
        NotAllowed: the actor does not administer an organization.
        ValidationError: the address is malformed, or is a member's already.
        InvalidInput: a team is none of the organization's.
    """
    home = actor.organization
    if home is None:
        raise InvalidInput("Only an organization's administrator can invite.")
    rights.require_admin_of(actor=actor, organization_id=home.pk)
    chosen = list(Team.objects.visible_to(actor).filter(pk__in=[team.pk for team in teams]))
    if len(chosen) != len({team.pk for team in teams}):
        raise InvalidInput("There is no such team.")
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    now = timezone.now()
    invitation = Invitation(
        organization=home,
        email=email,
        role=role,
        token_hash=_digest(token),
        invited_by=actor,
        created_at=now,
        expires_at=now + datetime.timedelta(days=settings.INVITATION_DAYS),
    )
    invitation.full_clean()
    if User.objects.filter(organization=home, email=invitation.email).exists():
        raise ValidationError({"email": "This person is a member already."})
    for older in Invitation.objects.open().filter(organization=home, email=invitation.email):
        _revoke(older, actor)
    invitation.save()
    invitation.teams.set(chosen)
    _note("created", invitation, actor, role=role, teams=sorted(str(t.pk) for t in chosen))
    return NewInvitation(invitation, token)


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, actor: User) -> None:
    """Take an invitation back: its link no longer works.

    Raises:
        NotFound: the actor has no such invitation, or it is not open any more.
    """
    open_ones = Invitation.objects.visible_to(actor).open().select_for_update()
    found = open_ones.filter(pk=invitation.pk).first()
    if found is None:
        raise NotFound
    _revoke(found, actor)


def find_invitation(*, token: str) -> Invitation:
    """Return the open invitation of a link.

    Raises:
        InvitationNotValid: unknown, used, taken back and expired ones are not told apart.
    """
    open_ones = Invitation.objects.open().select_related("organization")
    found = open_ones.filter(token_hash=_digest(token)).first()
    if found is None:
        raise InvitationNotValid
    return found


def accept_invitation(*, token: str, name: str, password: str) -> User:
    """Create the person who was invited, in the teams that were chosen for them.

    Raises:
        InvitationNotValid: as `find_invitation`, or somebody else has an account of this address.
        ValidationError: the password is weak.
    """
    found = find_invitation(token=token)
    if User.objects.filter(email=found.email).exists():
        # SECURITY: an administrator can try the link as well, and must not learn which it is.
        require_strong(password, User(email=found.email, name=name))
        with transaction.atomic():
            _note("refused", found, None, reason="the address is taken")
        raise InvitationNotValid
    return _accept(found, name, password)


@transaction.atomic
def _accept(found: Invitation, name: str, password: str) -> User:
    rights.lock_people(found.organization_id)
    invitation = Invitation.objects.select_for_update().open().filter(pk=found.pk).first()
    if invitation is None:  # somebody was faster
        raise InvitationNotValid
    require_strong(password, User(email=invitation.email, name=name))
    user = add_account(
        actor=None,
        organization=invitation.organization,
        email=invitation.email,
        name=name,
        role=invitation.role,
        password=password,
    ).user
    for team in invitation.teams.all():
        Membership.objects.create(team=team, user=user)
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    _note("accepted", invitation, user, user_id=str(user.pk))
    return user


def _revoke(invitation: Invitation, actor: User) -> None:
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at"])
    _note("revoked", invitation, actor)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _note(act: str, invitation: Invitation, actor: User | None, **details: str | list[str]) -> None:
    audit.record(
        action=f"invitation.{act}",
        actor=actor,
        organization=invitation.organization,
        target=invitation,
        **details,
    )
