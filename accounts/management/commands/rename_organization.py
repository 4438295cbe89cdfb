"""`manage.py rename_organization`: gives an organization another name."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.chains import chosen_organization
from accounts.services import rename_organization


class Command(BaseCommand):
    help = "Give an organization another name."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", metavar="NAME|ID")
        parser.add_argument("name", metavar="NEW_NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = chosen_organization(options["organization"])
        try:
            renamed = rename_organization(organization=organization, name=options["name"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"{organization.name} is now called {renamed.name}.")
