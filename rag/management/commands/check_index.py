"""`manage.py check_index`: compare indexes, rows and files, and repair them on request.

Exit codes: 0 everything is consistent, 1 faults were found (after --repair: are left), 2 usage.
"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.models import Organization
from rag.integrity.summary import summary
from rag.management.organizations import add_organization_option, chosen_organizations
from rag.models import IndexRun
from rag.services.index import run_now

_WIDTH = 24


class Command(BaseCommand):
    help = (
        "Compare indexes, rows and files. The copy of the index that is looked at is loaded for"
        " this check, as a server would load it when it starts; GET /api/index/health shows the"
        " one that a server has in memory. Exit code: 0 consistent, 1 faults found or left, 2"
        " usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_organization_option(parser)
        parser.add_argument("--repair", action="store_true", help="repair what was found")
        parser.add_argument("--json", action="store_true", help="print the reports as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        organizations: list[Organization | None] = [*chosen_organizations(options["organization"])]
        if options["organization"] is None and len(organizations) != 1:
            organizations.append(None)  # what belongs to none of several
        action = IndexRun.Action.REPAIR if options["repair"] else IndexRun.Action.CHECK
        runs = [run_now(organization=organization, action=action) for organization in organizations]
        if options["json"]:
            reports = [{**run.report, "repaired": run.repaired} for run in runs]
            self.stdout.write(json.dumps(reports, indent=2, ensure_ascii=False))
        else:
            for run in runs:
                self._print(run)
        if not all(run.consistent for run in runs):
            raise SystemExit(1)

    def _print(self, run: IndexRun) -> None:
        report = run.report
        self.stdout.write(self.style.MIGRATE_HEADING(report["organization"] or "The installation"))
        for name, value in summary(report):
            self.stdout.write(f"  {name:<{_WIDTH}}{value}")
        left = {finding["kind"] for finding in report["findings"]}
        for finding in run.repaired:
            if finding["kind"] not in left:
                self.stdout.write(self.style.SUCCESS(f"  repaired: {finding['message']}"))
        for finding in report["findings"]:
            self._print_finding(finding)
        if not report["findings"]:
            self.stdout.write(self.style.SUCCESS("  Consistent."))
        self.stdout.write("")

    def _print_finding(self, finding: dict[str, Any]) -> None:
        self.stdout.write(self.style.ERROR(f"  {finding['kind']}: {finding['message']}"))
        if finding["examples"]:
            self.stdout.write(f"    for example {', '.join(finding['examples'])}")
        self.stdout.write(f"    {finding['advice']}")
