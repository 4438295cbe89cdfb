"""`manage.py suspend_organization`: shuts everybody of an organization out, or in again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.chains import chosen_organization
from accounts.services import reinstate_organization, suspend_organization
from knowledge.lib.errors import AppError


class Command(BaseCommand):
    help = "Suspend an organization: sign-in, sessions, tokens and reading in stop until --lift."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", metavar="NAME|ID")
        parser.add_argument("--lift", action="store_true", help="let everybody in again")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = chosen_organization(options["organization"])
        try:
            if options["lift"]:
                reinstate_organization(organization=organization)
            else:
                suspend_organization(organization=organization)
        except AppError as error:
            raise CommandError(error.message) from None
        said = "in service again" if options["lift"] else "suspended"
        self.stdout.write(f"{organization.name} is {said}.")
