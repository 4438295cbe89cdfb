"""`manage.py rebuild_index`: make the indexes anew from the database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rag.management.organizations import add_organization_option, chosen_organizations
from rag.models import IndexRun
from rag.services.index import run_now


class Command(BaseCommand):
    help = (
        "Rebuild the vector and word indexes from the rows, without the embedding model. Searches"
        " go on meanwhile, and every process takes a new copy at its next one. Exit code: 0, or 1"
        " when the rows themselves have faults (manage.py check_index tells them)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_organization_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        is_consistent = True
        for organization in chosen_organizations(options["organization"]):
            run = run_now(organization=organization, action=IndexRun.Action.REBUILD)
            report = run.report
            vectors = report["vector"]["present"] if report["vector"] else 0
            self.stdout.write(
                f"{organization.name}: {vectors:,} vectors, "
                f"{report['lexical']['present']:,} chunks by words, version {report['version']:,}"
            )
            for finding in report["findings"]:
                self.stdout.write(self.style.ERROR(f"  {finding['kind']}: {finding['message']}"))
            is_consistent = is_consistent and not report["findings"]
        if not is_consistent:
            raise SystemExit(1)
