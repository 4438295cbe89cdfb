"""`manage.py create_organization`: a new organization and its first administrator."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import services


class Command(BaseCommand):
    help = "Create an organization and its first administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the organization's name")
        parser.add_argument("--admin-email", required=True, help="the administrator's email")
        parser.add_argument(
            "--admin-password", help="by default one is generated and printed, once"
        )
        parser.add_argument(
            "--superuser",
            action="store_true",
            help="let the administrator operate the whole platform, all organizations included",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account = services.create_organization(
                name=options["name"],
                admin_email=options["admin_email"],
                admin_password=options["admin_password"],
                superuser=options["superuser"],
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"Organization: {account.user.organization}")
        self.stdout.write(f"Administrator: {account.user.email}")
        if account.generated_password:
            self.stdout.write(f"Password (shown once): {account.generated_password}")
