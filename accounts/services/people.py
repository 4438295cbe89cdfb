"""Creates people and changes their role, name, email, password and standing."""

from dataclasses import dataclass, field

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import Organization, User
from accounts.services import rights
from accounts.services.passwords import generate_password
from knowledge.lib.errors import Conflict, InvalidInput, NotAllowed


@dataclass(frozen=True)
class NewAccount:
    """A user, with the password that was generated for them, if one was: it is shown once."""

    user: User
    generated_password: str | None = field(default=None, repr=False)


def create_user(
    *,
    actor: User,
    email: str,
    name: str = "",
    role: str = User.Role.USER,
    password: str | None = None,
    organization: Organization | None = None,
) -> NewAccount:
    """Create a person in the actor's organization; only a superuser may name another one.

    SECURITY: a refusal for an address that is taken may tell of another organization. So it is
    recorded, and its route is limited.

    Raises:
        NotAllowed: the actor is not an admin of that organization.
        ValidationError: the email is taken or malformed, or the password is weak.
    """
    home = organization or actor.organization
    if home is None:
        raise InvalidInput("Name the organization that the user belongs to.")
    rights.require_admin_of(actor=actor, organization_id=home.pk)
    try:
        with transaction.atomic():
            return add_account(
                actor=actor, organization=home, email=email, name=name, role=role, password=password
            )
    except ValidationError:
        if User.objects.filter(email=email.strip().lower()).exists():
            note_taken_address(actor=actor, organization=home)
        raise


@transaction.atomic
def note_taken_address(*, actor: User, organization: Organization | None) -> None:
    """Record that somebody was told that an address is taken."""
    audit.record(
        action="user.creation_refused",
        actor=actor,
        organization=organization,
        reason="the address is taken",
    )


def add_account(
    *,
    actor: User | None,
    organization: Organization,
    email: str,
    name: str,
    role: str,
    password: str | None,
    is_superuser: bool = False,
) -> NewAccount:
    """Create and record a person. SECURITY: asks for no rights; its callers do."""
    given = password or None
    secret = given or generate_password()
    if given is not None:
        require_strong(secret, User(email=email, name=name))
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                email,
                secret,
                organization=organization,
                name=name.strip(),
                role=role,
                is_superuser=is_superuser,
            )
    except IntegrityError:  # somebody was faster, after the check of uniqueness
        raise ValidationError({"email": "A user with this email exists already."}) from None
    audit.record(
        action="user.created",
        actor=actor,
        organization=organization,
        target=user,
        role=user.role,
        superuser=user.is_superuser,
    )
    return NewAccount(user, None if given else secret)


@transaction.atomic
def update_user(
    *,
    user: User,
    actor: User,
    name: str | None = None,
    email: str | None = None,
    role: str | None = None,
    is_active: bool | None = None,
    password: str | None = None,
) -> User:
    """Make several changes at once, or none of them; None leaves a field as it is."""
    rights.require_may_manage_user(actor=actor, user=user)
    if name is not None:
        rename_user(user=user, actor=actor, name=name)
    if email is not None:
        change_email(user=user, actor=actor, email=email)
    if role is not None:
        change_role(user=user, actor=actor, role=role)
    if is_active is not None:
        (reactivate_user if is_active else deactivate_user)(user=user, actor=actor)
    if password is not None:
        set_password(user=user, actor=actor, password=password)
    return user


@transaction.atomic
def change_role(*, user: User, actor: User, role: str) -> User:
    """Make a person an administrator or an ordinary user.

    Raises:
        Conflict: the organization would lose its last active admin.
    """
    _begin(user=user, actor=actor)
    if role not in User.Role.values:
        raise InvalidInput(f"The role must be one of {', '.join(User.Role.values)}.")
    if role == user.role:
        return user
    if role != User.Role.ADMIN:
        rights.require_another_admin(user=user)
    before, user.role = user.role, role
    user.save(update_fields=["role"])
    _note("user.role_changed", actor, user, before=before, after=role)
    return user


@transaction.atomic
def deactivate_user(*, user: User, actor: User) -> User:
    """Shut a person out: their sessions and tokens end now, and do not come back.

    Raises:
        Conflict: the organization would lose its last active admin.
    """
    _begin(user=user, actor=actor)
    if not user.is_active:
        return user
    rights.require_another_admin(user=user)
    user.is_active = False
    user.session_version += 1
    user.save(update_fields=["is_active", "session_version"])
    _note("user.deactivated", actor, user)
    return user


@transaction.atomic
def reactivate_user(*, user: User, actor: User) -> User:
    """Let a person sign in again, with the password they had."""
    _begin(user=user, actor=actor)
    if user.is_active:
        return user
    user.is_active = True
    user.save(update_fields=["is_active"])
    _note("user.reactivated", actor, user)
    return user


@transaction.atomic
def rename_user(*, user: User, actor: User, name: str) -> User:
    """Change a person's displayed name: one's own, or as an admin."""
    _begin(user=user, actor=actor, own=True)
    if name.strip() == user.name:
        return user
    user.name = name.strip()
    user.full_clean(exclude=["password"])
    user.save(update_fields=["name"])
    _note("user.renamed", actor, user)
    return user


@transaction.atomic
def change_email(*, user: User, actor: User, email: str) -> User:
    """Change what a person signs in with."""
    _begin(user=user, actor=actor)
    if email.strip().lower() == user.email:
        return user
    user.email = email
    user.full_clean(exclude=["password"])
    user.save(update_fields=["email"])
    _note("user.email_changed", actor, user)
    return user


@transaction.atomic
def set_password(*, user: User, actor: User, password: str) -> User:
    """Set a person's password: one's own, or as an admin; sessions and tokens of the old one end.

    Raises:
        ValidationError: the password is weak.
    """
    _begin(user=user, actor=actor, own=True)
    require_strong(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    _note("user.password_changed", actor, user)
    return user


@transaction.atomic
def sign_out_everywhere(*, user: User, actor: User) -> User:
    """End every session and token of a person: one's own, or as an admin."""
    _begin(user=user, actor=actor, own=True)
    user.session_version += 1
    user.save(update_fields=["session_version"])
    _note("user.signed_out_everywhere", actor, user)
    return user


def reset_password(*, user: User, actor: User) -> NewAccount:
    """Give a person a generated password, for an admin to hand over."""
    password = generate_password()
    set_password(user=user, actor=actor, password=password)
    return NewAccount(user, password)


@transaction.atomic
def set_superuser(*, user: User, actor: User, is_superuser: bool) -> User:
    """Make a person an operator of the platform, or an ordinary member again.

    SECURITY: only another operator may, and nobody takes it from themselves, so one is left.
    """
    rights.require_superuser(actor=actor)
    _begin(user=user, actor=actor)
    if user.is_superuser == is_superuser:
        return user
    if is_superuser and user.is_suspended:
        raise Conflict("The person's organization is suspended.")
    if user.pk == actor.pk:
        raise NotAllowed("You cannot take the operator's rights from yourself.")
    user.is_superuser = is_superuser
    user.full_clean(exclude=["password"])
    user.save(update_fields=["is_superuser"])
    _note("user.superuser_granted" if is_superuser else "user.superuser_revoked", actor, user)
    return user


def _begin(*, user: User, actor: User, own: bool = False) -> None:
    """Check the actor's rights, then read the person again under the lock of their organization."""
    if not (own and actor.is_in_service and actor.pk == user.pk):
        rights.require_may_manage_user(actor=actor, user=user)
    rights.lock_people(user.organization_id)
    user.refresh_from_db()


def _note(action: str, actor: User, user: User, **details: str) -> None:
    audit.record(action=action, actor=actor, organization=user.organization, target=user, **details)


def require_strong(password: str, user: User) -> None:
    """Refuse a weak password, beside its field."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from None
