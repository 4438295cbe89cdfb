"""The option of a command that names the organization it works on."""

import uuid

from django.core.management.base import CommandError, CommandParser

from accounts.models import Organization


def add_organization_option(parser: CommandParser) -> None:
    """Add `--organization`."""
    parser.add_argument(
        "--organization", metavar="NAME|ID", help="which one; by default all of them"
    )


def chosen_organizations(name: str | None) -> list[Organization]:
    """Return the organization of this name or id, or all of them.

    Raises:
        CommandError: there is no such organization; the exit code is 2.
    """
    if name is None:
        return list(Organization.objects.all())
    found = Organization.objects.filter(name__iexact=name).first() or _by_id(name)
    if found is None:
        raise CommandError(f"There is no organization called {name!r}.", returncode=2)
    return [found]


def _by_id(name: str) -> Organization | None:
    try:
        return Organization.objects.filter(pk=uuid.UUID(name)).first()
    except ValueError:
        return None
