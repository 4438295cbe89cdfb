"""`manage.py archive_audit`: moves the oldest events of the audit trail into a file."""

import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.audit.archive import archive
from accounts.management.chains import add_organization_option, chain_name, chosen_chains
from knowledge.lib.errors import AppError


class Command(BaseCommand):
    help = (
        "Write the events of before a day into a file (JSON Lines), then delete them. What is left"
        " can still be verified, and together with the file: manage.py verify_audit --archive FILE."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_organization_option(parser)
        parser.add_argument("--before", required=True, type=_day, metavar="YYYY-MM-DD")
        parser.add_argument("--to", required=True, type=Path, metavar="FILE", help="a new file")

    def handle(self, *args: Any, **options: Any) -> None:
        chains = chosen_chains(options["organization"])
        try:
            parts = archive(chains=chains, before=options["before"], path=options["to"])
        except (AppError, OSError) as error:
            raise CommandError(str(error)) from None
        for part in parts:
            self.stdout.write(
                f"{chain_name(part.organization_id)}: {part.written} events written,"
                f" {part.deleted} deleted"
            )


def _day(text: str) -> datetime.datetime:
    day = datetime.datetime.strptime(text, "%Y-%m-%d")
    return timezone.make_aware(day)
