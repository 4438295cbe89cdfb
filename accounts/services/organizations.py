"""Creates, renames and suspends organizations, and asks for their removal."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_q.tasks import async_task

from accounts import audit
from accounts.models import Organization, User
from accounts.services import rights
from accounts.services.people import NewAccount, add_account
from knowledge.lib.errors import Conflict


@transaction.atomic
def create_organization(
    *,
    name: str,
    admin_email: str,
    admin_password: str | None = None,
    superuser: bool = False,
    actor: User | None = None,
) -> NewAccount:
    """Create an organization with its first administrator, whose account is returned.

    Args:
        name: the organization's name, unique whatever its case.
        admin_email: the administrator's email.
        admin_password: None to have one generated; it is in the returned account, once.
        superuser: whether the administrator also operates the whole platform.
        actor: an operator of the platform; None for the command line and the first run.

    Raises:
        ValidationError: a name or email that is taken or malformed, or a weak password.
    """
    _require_operator(actor)
    organization = Organization(name=name.strip())
    _save(organization)
    audit.record(
        action="organization.created", actor=actor, organization=organization, target=organization
    )
    return add_account(
        actor=actor,
        organization=organization,
        email=admin_email,
        name="",
        role=User.Role.ADMIN,
        password=admin_password,
        is_superuser=superuser,
    )


@transaction.atomic
def rename_organization(
    *, organization: Organization, name: str, actor: User | None = None
) -> Organization:
    """Give an organization another name.

    SECURITY: only operators, for whether a name is taken tells of other organizations.
    """
    organization = _locked(organization, actor)
    if name.strip() == organization.name:
        return organization
    before, organization.name = organization.name, name.strip()
    _save(organization)
    _note("renamed", organization, actor, before=before, after=organization.name)
    return organization


@transaction.atomic
def suspend_organization(*, organization: Organization, actor: User | None = None) -> Organization:
    """Put an organization to rest: nobody of it gets in, by whatever door, and nothing is read in.

    Sessions and tokens stay, and work again once it is lifted.

    Raises:
        Conflict: an operator of the platform belongs to it, who could not lift it any more.
    """
    organization = _locked(organization, actor)
    if organization.is_suspended:
        return organization
    _require_no_operator(organization)
    organization.suspended_at = timezone.now()
    organization.save(update_fields=["suspended_at"])
    _note("suspended", organization, actor)
    return organization


@transaction.atomic
def reinstate_organization(
    *, organization: Organization, actor: User | None = None
) -> Organization:
    """Lift a suspension; documents that waited are read within a minute.

    Raises:
        Conflict: it is being deleted.
    """
    organization = _locked(organization, actor)
    if organization.removal_requested_at is not None:
        raise Conflict("The organization is being deleted.")
    if not organization.is_suspended:
        return organization
    organization.suspended_at = None
    organization.save(update_fields=["suspended_at"])
    _note("reinstated", organization, actor)
    return organization


@transaction.atomic
def request_removal(
    *, organization: Organization, actor: User | None = None, ring: bool = True
) -> Organization:
    """Have an organization deleted with everything of it; it is suspended at once, for good.

    Args:
        ring: for a worker after the commit; False where the caller does it.

    Raises:
        Conflict: an operator of the platform belongs to it.
    """
    organization = _locked(organization, actor)
    if organization.removal_requested_at is None:
        _require_no_operator(organization)
        organization.removal_requested_at = timezone.now()
        organization.suspended_at = organization.suspended_at or timezone.now()
        organization.save(update_fields=["removal_requested_at", "suspended_at"])
        _note("removal_requested", organization, actor, name=organization.name)
    if ring:
        key = str(organization.pk)
        transaction.on_commit(lambda: _ring(key), robust=True)
    return organization


def _ring(organization_id: str) -> None:
    async_task(settings.ORGANIZATION_REMOVAL_TASK, organization_id)


def _locked(organization: Organization, actor: User | None) -> Organization:
    _require_operator(actor)
    return Organization.objects.select_for_update().get(pk=organization.pk)


def _require_operator(actor: User | None) -> None:
    """Refuse everybody but operators; nobody is the operator at the command line."""
    if actor is not None:
        rights.require_superuser(actor=actor)


def _require_no_operator(organization: Organization) -> None:
    if User.objects.filter(organization=organization, is_superuser=True, is_active=True).exists():
        raise Conflict(
            "An operator of the platform belongs to this organization, and would be shut out."
            " Take the operator's rights from them first."
        )


def _save(organization: Organization) -> None:
    organization.full_clean()
    try:
        with transaction.atomic():
            organization.save()
    except IntegrityError:  # somebody was faster, after the check of uniqueness
        taken = "An organization of this name exists already."
        raise ValidationError({"name": taken}) from None


def _note(act: str, organization: Organization, actor: User | None, **details: str) -> None:
    audit.record(
        action=f"organization.{act}",
        actor=actor,
        organization=organization,
        target=organization,
        **details,
    )
