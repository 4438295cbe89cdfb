"""Creates organizations."""

from django.db import transaction

from accounts import audit
from accounts.models import Organization, User
from accounts.services.people import NewAccount, add_account


@transaction.atomic
def create_organization(
    *,
    name: str,
    admin_email: str,
    admin_password: str | None = None,
    superuser: bool = False,
) -> NewAccount:
    """Create an organization with its first administrator, whose account is returned.

    There is no actor: this is for the operator at the command line and for the first run.

    Args:
        name: the organization's name, unique whatever its case.
        admin_email: the administrator's email.
        admin_password: None to have one generated; it is in the returned account, once.
        superuser: whether the administrator also operates the whole platform.

    Raises:
        ValidationError: a name or email that is taken or malformed, or a weak password.
    """
    organization = Organization(name=name.strip())
    organization.full_clean()
    organization.save()
    audit.record(action="organization.created", organization=organization, target=organization)
    return add_account(
        actor=None,
        organization=organization,
        email=admin_email,
        name="",
        role=User.Role.ADMIN,
        password=admin_password,
        is_superuser=superuser,
    )
