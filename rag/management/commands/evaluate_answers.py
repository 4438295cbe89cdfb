"""`manage.py evaluate_answers`: how good the answers to a data set's questions are."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge.lib.errors import AppError
from rag.evaluation.answer_runs import AnswerReport, evaluate_answers
from rag.evaluation.answer_sets import AnswerSet, read_answer_set
from rag.management.evaluations import (
    Bars,
    add_evaluation_options,
    be_quiet,
    print_metrics,
    require_floors,
    write_json,
)


class Command(BaseCommand):
    help = (
        "Ingest a data set into an organization that goes afterwards, ask each of its questions as"
        " people do, and tell how good the answers are. FOLDER holds corpus.jsonl (id, title, text)"
        " or files, and qa.jsonl (question, answers, gold, quote, page, answerable, history)."
        " Exit code: 0 done, 1 below --fail-under or failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER")
        parser.add_argument(
            "--questions", type=Path, metavar="FILE", help="instead of the folder's qa.jsonl"
        )
        add_evaluation_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        be_quiet(options["verbosity"])
        bars = Bars()
        try:
            data = read_answer_set(options["folder"], options["questions"])
            report = evaluate_answers(data, limit=options["limit"], progress=bars)
        except AppError as error:
            raise CommandError(error.message) from error
        finally:
            bars.close()
        self._print(data, report)
        if options["json"]:
            write_json(options["json"], _as_json(data, report))
        require_floors(options["fail_under"], report.metrics)

    def _print(self, data: AnswerSet, report: AnswerReport) -> None:
        self.stdout.write(
            f"{data.name}: {len(report.outcomes)} questions, {report.documents} documents,"
            f" answered by {report.model or 'nobody'} {report.prompt_version}".rstrip()
        )
        for name, reason in list(report.failures.items())[:10]:
            self.stdout.write(f"  not ingested: {name}: {reason}")
        if report.unlocated:
            named = ", ".join(report.unlocated[:10])
            self.stdout.write(
                f"  the quotes of {len(report.unlocated)} questions stand in no document: {named}"
            )
        for outcome in report.outcomes:
            if outcome.error:
                self.stdout.write(f"  no answer to {outcome.id}: {outcome.error}")
        print_metrics(self.stdout, report.metrics)


def _as_json(data: AnswerSet, report: AnswerReport) -> dict[str, Any]:
    return {
        "data_set": {
            "name": data.name,
            "sha256": data.digest,
            "documents": report.documents,
            "questions": len(report.outcomes),
        },
        "model": report.model,
        "prompt_version": report.prompt_version,
        "metrics": dict(report.metrics),
        "failures": dict(report.failures),
        "unlocated": list(report.unlocated),
        "questions": [
            {**asdict(outcome), "as_expected": outcome.is_as_expected}
            for outcome in report.outcomes
        ],
    }
