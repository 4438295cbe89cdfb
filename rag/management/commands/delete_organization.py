"""`manage.py delete_organization`: deletes an organization with everything of it, verified.

Exit codes: 0 nothing of it is left, 1 something is, 2 usage.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.services import request_removal
from knowledge.lib.errors import AppError
from rag.management.organizations import chosen_organizations
from rag.services.organization_removal import leftovers, remove_organization


class Command(BaseCommand):
    help = (
        "Delete an organization: documents, files, indexes, conversations, usage, people and"
        " teams. Its audit trail stays, and can be archived. It can be killed; the same command,"
        " or the worker, goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", metavar="NAME|ID")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        [organization] = chosen_organizations(options["organization"])
        if not options["yes"]:
            question = f"Delete {organization.name!r} and everything of it? Type its name: "
            if input(question).strip() != organization.name:
                raise CommandError("Nothing was deleted.")
        key = organization.pk
        try:
            request_removal(organization=organization, ring=False)
            removal = remove_organization(organization_id=key)
        except AppError as error:
            raise CommandError(error.message) from None
        if removal is not None:
            self.stdout.write(
                f"Deleted {removal.name}: {removal.documents} documents,"
                f" {removal.conversations} conversations, {removal.people} people."
            )
        left = leftovers(key)
        for place, count in sorted(left.items()):
            self.stdout.write(f"  {place:<32}{count}")
        if any(left.values()):
            raise CommandError("Something of it is left.")
        self.stdout.write(self.style.SUCCESS("Nothing of it is left but its audit trail."))
