"""`manage.py evaluate_retrieval`: how well a data set's documents are found."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge.lib.errors import AppError
from rag.evaluation.data_sets import RetrievalSet, read_retrieval_set
from rag.evaluation.records import Outcome, keep_run
from rag.evaluation.retrieval_runs import RetrievalReport, evaluate_retrieval
from rag.management.evaluations import (
    Bars,
    add_evaluation_options,
    be_quiet,
    print_metrics,
    require_floors,
    write_json,
)
from rag.models import EvaluationRun
from rag.retrieval import Mode


class Command(BaseCommand):
    help = (
        "Ingest a data set into an organization that goes afterwards, search for each of its"
        " questions, and tell how high the relevant documents stand. FOLDER holds corpus.jsonl"
        " (id, title, text) or files, and queries.jsonl (id, text) with qrels.tsv (query-id,"
        " corpus-id, score) or qa.jsonl (question, gold). Exit code: 0 done, 1 below --fail-under"
        " or failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER")
        parser.add_argument(
            "--k", type=int, nargs="+", default=[10, 100], help="documents looked at (10 100)"
        )
        parser.add_argument(
            "--mode", type=Mode, choices=list(Mode), default=Mode.HYBRID, help="which index"
        )
        add_evaluation_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        be_quiet(options["verbosity"])
        bars = Bars()
        try:
            data = read_retrieval_set(options["folder"])
            report = evaluate_retrieval(
                data,
                mode=options["mode"],
                cuts=_cuts(options["k"]),
                limit=options["limit"],
                progress=bars,
            )
        except AppError as error:
            raise CommandError(error.message) from error
        finally:
            bars.close()
        self._print(data, report)
        _keep(data, report, options)
        if options["json"]:
            write_json(options["json"], _as_json(data, report))
        require_floors(options["fail_under"], report.metrics)

    def _print(self, data: RetrievalSet, report: RetrievalReport) -> None:
        asked, known = report.embedded
        self.stdout.write(
            f"{data.name}: {len(report.outcomes)} questions, {report.documents} documents,"
            f" {report.chunks} passages ({known} of {asked} vectors known), {report.mode}"
        )
        for name, reason in list(report.failures.items())[:10]:
            self.stdout.write(f"  not ingested: {name}: {reason}")
        if len(report.failures) > 10:
            self.stdout.write(f"  and {len(report.failures) - 10} more were not ingested")
        print_metrics(self.stdout, report.metrics)


def _keep(data: RetrievalSet, report: RetrievalReport, options: dict[str, Any]) -> None:
    cuts = _cuts(options["k"])
    keep_run(
        kind=EvaluationRun.Kind.RETRIEVAL,
        data_set=data.name,
        digest=data.digest,
        options={"mode": str(report.mode), "k": cuts, "limit": options["limit"]},
        metrics=report.metrics,
        outcomes=[
            Outcome(
                each.id,
                each.question,
                each.measures[f"ndcg@{cuts[0]}"],
                {
                    "expected": [name for name, grade in each.gold.items() if grade],
                    "found": list(each.ranking[:10]),
                    "measures": dict(each.measures),
                    "ms": round(each.ms, 1),
                },
            )
            for each in report.outcomes
        ],
    )


def _cuts(given: Sequence[int]) -> list[int]:
    if min(given) < 1:
        raise CommandError("--k takes numbers from 1.", returncode=2)
    return sorted(set(given))


def _as_json(data: RetrievalSet, report: RetrievalReport) -> dict[str, Any]:
    return {
        "data_set": {
            "name": data.name,
            "sha256": data.digest,
            "documents": report.documents,
            "passages": report.chunks,
            "questions": len(report.outcomes),
            "questions_without_gold": data.skipped,
        },
        "mode": str(report.mode),
        "metrics": dict(report.metrics),
        "failures": dict(report.failures),
        "questions": [asdict(outcome) for outcome in report.outcomes],
    }
