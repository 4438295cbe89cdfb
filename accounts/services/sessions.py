"""Signing in and out, as the pages and the API both do it."""

from django.db import transaction

from accounts import audit
from accounts.exceptions import OrganizationSuspended
from accounts.lockout import LockedOut, try_credentials
from accounts.models import User
from knowledge.lib import rate_limits

_EMAIL_CHARACTERS = 254


def check_credentials(*, email: str, password: str) -> User | None:
    """Return the active user of this email and password, else None; both are recorded.

    SECURITY: an unknown email, a wrong password and an inactive user must not be told apart, by
    the answer or by its time: each takes one hash, one look for the email and one event.

    Raises:
        LockedOut, RateLimited: too many attempts, whoever the email belongs to.
        OrganizationSuspended: email and password are right, but nobody of the organization gets in.
    """
    rate_limits.count(scope="login", person=email.strip().lower()[:_EMAIL_CHARACTERS])
    try:
        signed_in = try_credentials(email=email, password=password)
    except LockedOut:
        _note_locked_out(email)
        raise
    people = User.objects.select_related("organization")
    user = people.filter(email=email.strip().lower()).first()
    is_suspended = user is not None and user.is_suspended
    outcome = "signed_in" if signed_in and not is_suspended else "sign_in_failed"
    with transaction.atomic():
        audit.record(
            action=f"user.{outcome}",
            actor=user if signed_in else None,
            organization=user.organization if user else None,
            target=user,
            **({"reason": "organization suspended"} if signed_in and is_suspended else {}),
        )
    if signed_in and is_suspended:
        raise OrganizationSuspended
    return user if signed_in else None


@transaction.atomic
def note_sign_in(*, user: User) -> None:
    """Record a sign-in by other means than a password."""
    audit.record(action="user.signed_in", actor=user, target=user)


@transaction.atomic
def note_sign_out(*, user: User) -> None:
    """Record that the user signed out."""
    audit.record(action="user.signed_out", actor=user, target=user)


@transaction.atomic
def note_token_refresh(*, user: User) -> None:
    """Record that a refresh token was exchanged for new tokens."""
    audit.record(action="token.refreshed", actor=user, target=user)


@transaction.atomic
def note_token_reuse(*, user: User) -> None:
    """Record that a used or logged-out refresh token of the user was shown, by whoever has it."""
    audit.record(action="token.reuse_refused", organization=user.organization, target=user)


@transaction.atomic
def _note_locked_out(email: str) -> None:
    """Record an attempt that was refused unseen, in the trail of whose email it is."""
    people = User.objects.select_related("organization")
    user = people.filter(email=email.strip().lower()).first()
    audit.record(
        action="user.locked_out",
        organization=user.organization if user else None,
        target=user,
    )
