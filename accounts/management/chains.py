"""Which chains of the audit trail a command works on, and what they are called."""

import uuid

from django.core.management.base import CommandError, CommandParser

from accounts.audit.verification import chain_ids
from accounts.models import Organization

PLATFORM_NAME = "platform"


def add_organization_option(parser: CommandParser) -> None:
    """Add `--organization`."""
    parser.add_argument(
        "--organization",
        metavar="NAME|ID",
        help=f"which one, or {PLATFORM_NAME!r} for what belongs to none; by default all of them,"
        " deleted ones too",
    )


def chosen_chains(name: str | None) -> list[uuid.UUID | None]:
    """Return the chains that are asked for.

    Raises:
        CommandError: there is no such organization; the exit code is 2.
    """
    if name is None:
        return chain_ids()
    if name == PLATFORM_NAME:
        return [None]
    found = Organization.objects.filter(name__iexact=name).values_list("pk", flat=True).first()
    if found is None:
        found = next((key for key in chain_ids() if str(key) == name.lower()), None)
    if found is None:
        raise CommandError(f"There is no organization called {name!r}.", returncode=2)
    return [found]


def chain_name(organization_id: uuid.UUID | None) -> str:
    """Return what to call a chain."""
    if organization_id is None:
        return PLATFORM_NAME
    home = Organization.objects.filter(pk=organization_id).first()
    return home.name if home is not None else f"{organization_id} (deleted)"


def chosen_organization(name: str) -> Organization:
    """Return the organization of this name or id.

    Raises:
        CommandError: there is none; the exit code is 2.
    """
    [key] = chosen_chains(name)
    found = Organization.objects.filter(pk=key).first() if key is not None else None
    if found is None:
        raise CommandError(f"There is no organization called {name!r}.", returncode=2)
    return found
