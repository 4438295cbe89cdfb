"""Uploads files and folders, and ingests them here or leaves them to the worker."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string
from tqdm import tqdm

from accounts.models import User
from documents import services
from documents.exceptions import AlreadyUploaded
from documents.extraction.registry import accepted_extensions
from documents.models import Document
from knowledge.lib.errors import AppError

_WAIT_S = 0.5


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its status, or `refused` or `duplicate`, with the reason."""

    path: str
    status: str
    message: str = ""
    document_id: str = ""
    chunk_count: int = 0

    @property
    def is_failure(self) -> bool:
        return self.status in ("refused", Document.Status.FAILED)


class Command(BaseCommand):
    help = "Upload files and folders as documents and ingest them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file or folder")
        parser.add_argument("--user", metavar="EMAIL", help="owner; by default the first admin")
        parser.add_argument(
            "--visibility",
            choices=[Document.Visibility.PRIVATE, Document.Visibility.ORGANIZATION],
            default=Document.Visibility.PRIVATE,
        )
        parser.add_argument(
            "--queue", action="store_true", help="leave the ingestion to the worker"
        )
        parser.add_argument("--json", action="store_true", help="print the outcomes as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verbosity"] < 2:
            # The summary says it; a JSON line for each document would tear the progress bar.
            logging.getLogger().setLevel(logging.WARNING)
        owner = _owner(options["user"])
        files, skipped = _files_below(options["paths"])
        task = None if options["queue"] else import_string(settings.INGESTION_TASK)
        outcomes = []
        # The bar goes to standard error, and not at all where nobody watches.
        with tqdm(files, unit="file", disable=None if not options["json"] else True) as bar:
            for path in bar:
                bar.set_postfix_str(path.name)
                outcomes += _ingest(path, owner, options["visibility"], task)
        self._report(outcomes, skipped, as_json=options["json"])
        if any(outcome.is_failure for outcome in outcomes) or not (outcomes or skipped):
            raise SystemExit(1)

    def _report(self, outcomes: list[Outcome], skipped: list[Path], *, as_json: bool) -> None:
        if as_json:
            found = {
                "documents": [asdict(outcome) for outcome in outcomes],
                "skipped": [str(path) for path in skipped],
            }
            self.stdout.write(json.dumps(found, ensure_ascii=False))
            return
        duplicates = [outcome for outcome in outcomes if outcome.status == "duplicate"]
        failures = [outcome for outcome in outcomes if outcome.is_failure]
        waiting = [outcome for outcome in outcomes if outcome.status == Document.Status.UPLOADED]
        completed = [o for o in outcomes if o.status == Document.Status.COMPLETED]
        chunks = sum(outcome.chunk_count for outcome in completed)
        for path in skipped:
            kind = path.suffix.lower() or "without an extension"
            self.stdout.write(f"skipped  {path}: {kind} is not accepted")
        for outcome in duplicates:
            self.stdout.write(f"skipped  {outcome.path}: {outcome.message}")
        for outcome in failures:
            self.stdout.write(self.style.ERROR(f"failed   {outcome.path}: {outcome.message}"))
        parts = [f"{len(completed)} completed ({chunks} passages)"]
        parts += [f"{len(waiting)} left to the worker"] if waiting else []
        parts += [f"{len(failures)} failed", f"{len(skipped) + len(duplicates)} skipped"]
        self.stdout.write(", ".join(parts) + ".")
        if skipped:
            self.stdout.write(f"Accepted are: {', '.join(accepted_extensions())}.")


def _owner(email: str | None) -> User:
    people = User.objects.filter(
        is_active=True, organization__isnull=False, organization__suspended_at__isnull=True
    )
    if email:
        user: User | None = people.filter(email=email.strip().lower()).first()
        if user is None:
            raise CommandError(f"There is no active user {email} of an organization.")
        return user
    admins = people.filter(role=User.Role.ADMIN).order_by("date_joined")
    if admins.values("organization").order_by().distinct().count() > 1:
        raise CommandError("There are several organizations; choose an owner with --user EMAIL.")
    first: User | None = admins.first()
    if first is None:
        raise CommandError("There is no administrator yet; create one, or choose --user EMAIL.")
    return first


def _files_below(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """Return the files of accepted types, sorted, and those that are skipped.

    A file that is named itself is not skipped, so that its refusal is a failure.
    """
    files: list[Path] = []
    skipped: list[Path] = []
    accepted = {f".{extension}" for extension in accepted_extensions()}
    for path in paths:
        if path.is_file():
            files.append(path)
        elif path.is_dir():
            for found in _visible_files(path):
                (files if found.suffix.lower() in accepted else skipped).append(found)
        else:
            raise CommandError(f"{path} does not exist.")
    return list(dict.fromkeys(files)), skipped


def _visible_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def _ingest(
    path: Path, owner: User, visibility: str, task: Callable[[str], object] | None
) -> list[Outcome]:
    """Return what became of the file, and of the attachments that came with it."""
    try:
        with path.open("rb") as file:
            document = services.upload_document(
                owner=owner,
                file=file,
                filename=path.name,
                visibility=visibility,
                ingest=task is None,
            )
    except AlreadyUploaded as known:
        document = known.document
        # One that still waits is ingested here after all: an earlier run may have been cut off.
        if task is None or not document.is_in_progress:
            said = f"uploaded already as “{document.filename}”"
            found = Outcome(str(path), "duplicate", said, str(document.pk), document.chunk_count)
            return [found]
    except (AppError, OSError) as error:
        return [Outcome(str(path), "refused", getattr(error, "message", str(error)))]
    return list(_outcomes(str(path), document, task))


def _outcomes(
    path: str, document: Document, task: Callable[[str], object] | None
) -> Iterator[Outcome]:
    if task is not None:
        _wait_until_done(document, task)
    message = document.error_message or " ".join(document.warnings)
    yield Outcome(path, document.status, message, str(document.pk), document.chunk_count)
    for attached in document.attachments.order_by("filename", "pk"):
        yield from _outcomes(f"{path} > {attached.filename}", attached, task)


def _wait_until_done(document: Document, task: Callable[[str], object]) -> None:
    """Ingest here until there is a result: another try may be due later, or a worker has it."""
    while True:
        task(str(document.pk))
        document.refresh_from_db()
        if not document.is_in_progress:
            return
        time.sleep(_WAIT_S)
