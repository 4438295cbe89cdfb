"""What the commands that evaluate have in common: options, progress, tables, exit codes."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper
from tqdm import tqdm

from rag.evaluation.floors import Floor, parse_floor


def add_evaluation_options(parser: CommandParser) -> None:
    """Add what both commands take."""
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all of the outcome here")
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


def be_quiet(verbosity: int) -> None:
    """Leave log lines out, unless asked for more: a run has thousands of them."""
    if verbosity < 2:
        logging.getLogger().setLevel(logging.WARNING)


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


def print_metrics(output: OutputWrapper, metrics: Mapping[str, float | None]) -> None:
    """Print a line a metric."""
    width = max(map(len, metrics))
    for name, value in metrics.items():
        shown = "-" if value is None else f"{value:.1f}" if name.endswith("_ms") else f"{value:.3f}"
        output.write(f"  {name:<{width}}  {shown:>8}")


def write_json(path: Path, outcome: Mapping[str, Any]) -> None:
    """Write the outcome of a run.

    Raises:
        CommandError: the file cannot be written.
    """
    try:
        path.write_text(json.dumps(outcome, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({type(error).__name__}).") from error


def require_floors(floors: Sequence[Floor], metrics: Mapping[str, float | None]) -> None:
    """End with exit code 1 when a floor is missed.

    Raises:
        CommandError: with a sentence for each.
    """
    broken = [sentence for floor in floors if (sentence := floor.broken_by(metrics))]
    if broken:
        raise CommandError("Below what was asked for: " + " ".join(broken))
