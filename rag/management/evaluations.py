"""What the commands that evaluate have in common: options, progress, tables, exit codes."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from accounts.models import Organization
from knowledge.lib.errors import AppError
from rag.evaluation.floors import Floor, parse_floor
from rag.evaluation.records import Outcome, keep_run
from rag.evaluation.workspace import Progress

_MOST_NAMED = 10  # documents that were not ingested


@dataclass(frozen=True)
class Evaluation:
    """What one command found, as it is printed, kept in the database and written to a file.

    Attributes:
        options: how the command was called, as it is kept.
        title: the line that the figures stand under.
        notes: lines on single questions.
        failures: why documents were not ingested, by their name.
        as_json: all of it, for a file.
        embedding_model: None for the configured one.
        organization: whose own documents were asked; None for a data set from files.
    """

    kind: str
    data_set: str
    digest: str
    options: Mapping[str, Any]
    title: str
    metrics: Mapping[str, float | None]
    outcomes: Sequence[Outcome]
    as_json: Mapping[str, Any]
    failures: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    answer_model: str = ""
    prompt_version: str = ""
    embedding_model: str | None = None
    organization: Organization | None = None


class EvaluationCommand(BaseCommand):
    """A command that evaluates: it prints and keeps what `evaluate` finds, and holds the floors.

    Exit code: 0 done, 1 below `--fail-under` or failed, 2 usage.
    """

    def evaluate(self, options: dict[str, Any], progress: Progress) -> Evaluation:
        """Do it.

        Raises:
            AppError: it cannot be done; printed as the command's error.
        """
        raise NotImplementedError

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what all of them take; a command adds its own before these."""
        parser.add_argument(
            "--json", type=Path, metavar="OUT", help="write all of the outcome here"
        )
        parser.add_argument("--limit", type=int, metavar="N", help="ask only the first N questions")
        parser.add_argument(
            "--fail-under",
            type=parse_floor,
            nargs="+",
            action="extend",
            default=[],
            metavar="METRIC=VALUE",
            help="exit with 1 when a metric is lower (a time or a cost: higher)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verbosity"] < 2:  # a run has thousands of log lines
            logging.getLogger().setLevel(logging.WARNING)
        bars = Bars()
        try:
            found = self.evaluate(options, bars)
        except AppError as error:
            raise CommandError(error.message) from error
        finally:
            bars.close()
        self._print(found)
        _keep(found)
        if options["json"]:
            _write_json(options["json"], found.as_json)
        _require_floors(options["fail_under"], found.metrics)

    def _print(self, found: Evaluation) -> None:
        self.stdout.write(found.title)
        for name, reason in list(found.failures.items())[:_MOST_NAMED]:
            self.stdout.write(f"  not ingested: {name}: {reason}")
        if (more := len(found.failures) - _MOST_NAMED) > 0:
            self.stdout.write(f"  and {more} more were not ingested")
        for note in found.notes:
            self.stdout.write(f"  {note}")
        width = max(map(len, found.metrics))
        for name, value in found.metrics.items():
            digits = 1 if name.endswith("_ms") else 3
            shown = "-" if value is None else f"{value:.{digits}f}"
            self.stdout.write(f"  {name:<{width}}  {shown:>8}")


class Bars:
    """Progress on standard error, and none where nobody watches."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._bar is None or self._what != what:
            self.close()
            self._bar, self._what = tqdm(total=total, desc=what, disable=None), what
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the bar that is shown."""
        if self._bar is not None:
            self._bar.close()


def _keep(found: Evaluation) -> None:
    keep_run(
        kind=found.kind,
        data_set=found.data_set,
        digest=found.digest,
        options=found.options,
        metrics=found.metrics,
        outcomes=found.outcomes,
        embedding_model=found.embedding_model,
        answer_model=found.answer_model,
        prompt_version=found.prompt_version,
        organization=found.organization,
    )


def _write_json(path: Path, outcome: Mapping[str, Any]) -> None:
    try:
        path.write_text(json.dumps(outcome, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({type(error).__name__}).") from error


def _require_floors(floors: Sequence[Floor], metrics: Mapping[str, float | None]) -> None:
    broken = [sentence for floor in floors if (sentence := floor.broken_by(metrics))]
    if broken:
        raise CommandError("Below what was asked for: " + " ".join(broken))
