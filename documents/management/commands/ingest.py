"""Keeps files and folders as documents; made to be run again and again, by hand or by cron."""

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string
from tqdm import tqdm

from accounts.models import User
from documents.extraction.registry import accepted_extensions
from documents.folder_ingestion import Became, FolderIngestion, Found, Outcome, find_files
from documents.models import Document

_WRONG_USE = 2


class Command(BaseCommand):
    help = (
        "Upload files and folders as documents and ingest them. Run again, it skips what has not "
        "changed and makes new versions of what has. Exit code: 0 all well, 1 some failed, "
        "2 wrong use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file or folder")
        parser.add_argument("--user", metavar="EMAIL", help="owner; by default the first admin")
        parser.add_argument(
            "--visibility",
            choices=[Document.Visibility.PRIVATE, Document.Visibility.ORGANIZATION],
            default=Document.Visibility.PRIVATE,
            help="of new documents",
        )
        parser.add_argument("--collection", default="", help="of new documents")
        parser.add_argument(
            "--tag", action="append", default=[], help="of new documents; several may be given"
        )
        parser.add_argument(
            "--delete-missing",
            action="store_true",
            help="delete what came from these folders for this owner, and whose file is gone",
        )
        parser.add_argument(
            "--yes", action="store_true", help="go on although a folder has no files in it"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="change nothing; say what would be done"
        )
        parser.add_argument(
            "--queue", action="store_true", help="leave the ingestion to the worker"
        )
        parser.add_argument(
            "--wait", action="store_true", help="with --queue: until the worker has read them"
        )
        parser.add_argument(
            "--json", metavar="REPORT", help="write the outcomes to this file; - for the terminal"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verbosity"] < 2:
            # The summary says it; a JSON line for each document would tear the progress bar.
            logging.getLogger().setLevel(logging.WARNING)
        owner = _owner(options["user"])
        found = _found(options, owner)
        run = FolderIngestion(
            owner=owner,
            visibility=options["visibility"],
            tags=options["tag"],
            collection=options["collection"],
            task=None if options["queue"] else import_string(settings.INGESTION_TASK),
            is_dry=options["dry_run"],
        )
        outcomes = [
            Outcome(str(folder), Became.FAILED, reason=f"This folder cannot be read: {reason}")
            for folder, reason in found.unreadable.items()
        ]
        # The bar goes to standard error, and not at all where nobody watches.
        with tqdm(found.files, unit="file", disable=True if options["json"] else None) as bar:
            for path in bar:
                bar.set_postfix_str(path.name)
                outcomes += run.take(path)
        if options["queue"] and options["wait"]:
            run.waits = True
            outcomes = [
                told for before in outcomes for told in run.await_worker(Path(before.path), before)
            ]
        outcomes += [
            Outcome(str(path), Became.SKIPPED, reason=f"{_kind(path)} is not accepted")
            for path in found.skipped
        ]
        # A folder that cannot be looked into may have the files that seem to be gone.
        if options["delete_missing"] and not found.unreadable:
            outcomes += run.delete(run.missing(found.folders))
        self._report(outcomes, options)
        if any(outcome.outcome == Became.FAILED for outcome in outcomes):
            raise SystemExit(1)

    def _report(self, outcomes: Sequence[Outcome], options: dict[str, Any]) -> None:
        if options["json"]:
            counts = Counter(str(outcome.outcome) for outcome in outcomes)
            report = {
                "dry_run": options["dry_run"],
                "counts": {str(became): counts[became] for became in Became},
                "files": [asdict(outcome) for outcome in outcomes],
            }
            text = json.dumps(report, ensure_ascii=False, indent=2)
            if options["json"] != "-":
                Path(options["json"]).write_text(text + "\n", encoding="utf-8")
                return
            self.stdout.write(text)
            return
        self._tell(outcomes, is_dry=options["dry_run"])

    def _tell(self, outcomes: Sequence[Outcome], *, is_dry: bool) -> None:
        by: dict[str, list[Outcome]] = {became: [] for became in Became}
        for outcome in outcomes:
            by[outcome.outcome].append(outcome)
        for outcome in (*by[Became.SKIPPED], *by[Became.DUPLICATE]):
            self.stdout.write(f"skipped  {outcome.path}: {outcome.reason}")
        for outcome in (*by[Became.NEW_VERSION], *by[Became.MOVED], *by[Became.DELETED]):
            what = {"new_version": "changed"}.get(outcome.outcome, str(outcome.outcome))
            self.stdout.write(f"{what:8} {outcome.path}")
        if is_dry:
            for outcome in by[Became.CREATED]:
                self.stdout.write(f"new      {outcome.path}")
        for outcome in by[Became.FAILED]:
            self.stdout.write(self.style.ERROR(f"failed   {outcome.path}: {outcome.reason}"))
        self.stdout.write(_summary(by, is_dry=is_dry))
        if by[Became.SKIPPED]:
            self.stdout.write(f"Accepted are: {', '.join(accepted_extensions())}.")


def _summary(by: dict[str, list[Outcome]], *, is_dry: bool) -> str:
    taken = by[Became.CREATED] + by[Became.NEW_VERSION]
    left_out = len(by[Became.SKIPPED] + by[Became.DUPLICATE])
    if is_dry:
        parts = [f"{len(by[Became.CREATED])} new", f"{len(by[Became.NEW_VERSION])} changed"]
    else:
        completed = [outcome for outcome in taken if outcome.status == Document.Status.COMPLETED]
        chunks = sum(outcome.chunk_count for outcome in completed)
        parts = [f"{len(completed)} completed ({chunks} passages)"]
        waiting = len(taken) - len(completed)
        parts += [f"{waiting} left to the worker"] if waiting else []
    for became in (Became.UNCHANGED, Became.MOVED, Became.DELETED):
        parts += [f"{len(by[became])} {became}"] if by[became] else []
    parts += [f"{len(by[Became.FAILED])} failed", f"{left_out} skipped"]
    return ("Nothing was changed. It would be: " if is_dry else "") + ", ".join(parts) + "."


def _found(options: dict[str, Any], owner: User) -> Found:
    """Return the files, after refusing what cannot be meant."""
    for path in options["paths"]:
        if not path.exists():
            raise CommandError(f"{path} does not exist.", returncode=_WRONG_USE)
    if options["wait"] and not options["queue"]:
        raise CommandError("--wait goes with --queue.", returncode=_WRONG_USE)
    found = find_files(options["paths"])
    if options["delete_missing"]:
        if not owner.is_organization_admin:
            said = "--delete-missing needs an administrator as the owner: nobody else may delete."
            raise CommandError(said, returncode=_WRONG_USE)
        if not found.folders:
            raise CommandError("--delete-missing needs a folder.", returncode=_WRONG_USE)
    for folder in found.folders:
        is_empty = not any(folder in file.parents for file in (*found.files, *found.skipped))
        if is_empty and not options["yes"]:
            # It may be a share that is not there now; with --delete-missing all would go.
            said = f"{folder} has no files in it, or cannot be read. If that is right, add --yes."
            raise CommandError(said, returncode=_WRONG_USE)
    return found


def _kind(path: Path) -> str:
    return path.suffix.lower() or "without an extension"


def _owner(email: str | None) -> User:
    people = User.objects.filter(
        is_active=True, organization__isnull=False, organization__suspended_at__isnull=True
    )
    if email:
        user: User | None = people.filter(email=email.strip().lower()).first()
        if user is None:
            raise CommandError(
                f"There is no active user {email} of an organization.", returncode=_WRONG_USE
            )
        return user
    admins = people.filter(role=User.Role.ADMIN).order_by("date_joined")
    if admins.values("organization").order_by().distinct().count() > 1:
        raise CommandError(
            "There are several organizations; choose an owner with --user EMAIL.",
            returncode=_WRONG_USE,
        )
    first: User | None = admins.first()
    if first is None:
        raise CommandError(
            "There is no administrator yet; create one, or choose --user EMAIL.",
            returncode=_WRONG_USE,
        )
    return first
