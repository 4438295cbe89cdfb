"""`manage.py verify_audit`: finds what was edited, removed, added or reordered in the audit trail.

Exit codes: 0 every chain is whole, 1 faults were found, 2 usage.
"""

import json
import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit.archive import read_archives
from accounts.audit.verification import ChainReport, verify
from accounts.management.chains import add_organization_option, chain_name, chosen_chains
from accounts.services.audit_trail import seal_again


class Command(BaseCommand):
    help = (
        "Verify the audit trail and print the head of each chain. Keep the output of --json where"
        " nobody who can write to the database can change it, and give it to --against later:"
        " then a trail that was written anew from the beginning is found as well. Exit code: 0"
        " whole, 1 faults, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_organization_option(parser)
        parser.add_argument("--archive", nargs="+", type=Path, default=[], metavar="FILE")
        parser.add_argument("--against", type=Path, metavar="FILE", help="output of --json, kept")
        parser.add_argument("--json", action="store_true", help="a line of JSON for each chain")
        parser.add_argument(
            "--reseal",
            action="store_true",
            help="after the secret key was changed: seal chains that have no other fault anew",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chains = chosen_chains(options["organization"])
        archived = _read(lambda: read_archives(options["archive"]))
        anchors = _read(lambda: _anchors(options["against"]))
        is_whole = True
        for key in chains:
            given = {"archived": archived.get(key, ()), "anchors": anchors.get(key, {})}
            report = verify(key, **given)
            if options["reseal"] and {fault.kind for fault in report.faults} == {"unsealed"}:
                seal_again(organization_id=key)
                report = verify(key, **given)
            self._print(report, as_json=options["json"])
            is_whole = is_whole and report.is_whole
        if not is_whole:
            raise SystemExit(1)

    def _print(self, report: ChainReport, *, as_json: bool) -> None:
        key = str(report.organization_id) if report.organization_id else None
        if as_json:
            line = {
                "organization": key,
                "name": chain_name(report.organization_id),
                "sequence": report.count,
                "hash": report.head,
                "archived": report.archived,
                "checked": report.checked,
                "whole": report.is_whole,
                "faults": [vars(fault) for fault in report.faults],
                "fault_count": report.fault_count,
            }
            self.stdout.write(json.dumps(line))
            return
        self.stdout.write(self.style.MIGRATE_HEADING(chain_name(report.organization_id)))
        self.stdout.write(f"  events    {report.count} ({report.archived} of them archived)")
        self.stdout.write(f"  checked   {report.checked}")
        self.stdout.write(f"  head      {report.head or '-'}")
        for fault in report.faults:
            self.stdout.write(
                self.style.ERROR(f"  {fault.kind} at {fault.sequence}: {fault.message}")
            )
        if report.fault_count > len(report.faults):
            self.stdout.write(f"  and {report.fault_count - len(report.faults)} more")
        if report.is_whole:
            self.stdout.write(self.style.SUCCESS("  Whole."))


def _anchors(path: Path | None) -> dict[uuid.UUID | None, dict[int, str]]:
    """Return the hashes that were kept, by chain and sequence."""
    kept: dict[uuid.UUID | None, dict[int, str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path else ():
        head = json.loads(line)
        key = uuid.UUID(head["organization"]) if head["organization"] else None
        if head["sequence"]:
            kept.setdefault(key, {})[head["sequence"]] = head["hash"]
    return kept


def _read(read: Any) -> Any:
    try:
        return read()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"The file cannot be read: {error}", returncode=2) from None
