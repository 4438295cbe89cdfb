"""`manage.py export_audit`: writes the audit trail as JSON Lines or CSV."""

import shutil
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit.export import TYPES
from accounts.management.chains import add_organization_option, chain_name, chosen_chains
from accounts.services.audit_trail import export_chain


class Command(BaseCommand):
    help = "Export the audit trail; the export itself is an event of it."

    def add_arguments(self, parser: CommandParser) -> None:
        add_organization_option(parser)
        parser.add_argument("--type", choices=list(TYPES), default="jsonl")
        parser.add_argument("--to", type=Path, metavar="FILE", help="by default standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        chains = chosen_chains(options["organization"])
        if options["type"] == "csv" and len(chains) != 1:
            raise CommandError("CSV is of one organization: name it with --organization.")
        try:
            target = options["to"].open("xb") if options["to"] else sys.stdout.buffer
        except OSError as error:
            raise CommandError(f"{options['to']}: {error.strerror}") from None
        for key in chains:
            file, count = export_chain(organization_id=key, kind=options["type"])
            with file:
                shutil.copyfileobj(file, target)
            self.stderr.write(f"{chain_name(key)}: {count} events")
        target.flush()
        if options["to"]:
            target.close()
