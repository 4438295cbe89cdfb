"""`manage.py evaluate_retrieval`: how well a data set's documents are found."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from rag.evaluation.data_sets import RetrievalSet, read_retrieval_set
from rag.evaluation.records import Outcome
from rag.evaluation.retrieval_runs import RetrievalOutcome, RetrievalReport, evaluate_retrieval
from rag.evaluation.workspace import Progress
from rag.management.evaluations import Evaluation, EvaluationCommand
from rag.models import EvaluationRun
from rag.retrieval import Mode


class Command(EvaluationCommand):
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
        super().add_arguments(parser)

    def evaluate(self, options: dict[str, Any], progress: Progress) -> Evaluation:
        data, cuts = read_retrieval_set(options["folder"]), _cuts(options["k"])
        mode, limit = options["mode"], options["limit"]
        report = evaluate_retrieval(data, mode=mode, cuts=cuts, limit=limit, progress=progress)
        return Evaluation(
            kind=EvaluationRun.Kind.RETRIEVAL,
            data_set=data.name,
            digest=data.digest,
            options={"mode": str(report.mode), "k": cuts, "limit": limit},
            title=_title(data, report),
            metrics=report.metrics,
            outcomes=[_as_kept(outcome, f"ndcg@{cuts[0]}") for outcome in report.outcomes],
            as_json=_as_json(data, report),
            failures=report.failures,
        )


def _title(data: RetrievalSet, report: RetrievalReport) -> str:
    asked, known = report.embedded
    return (
        f"{data.name}: {len(report.outcomes)} questions, {report.documents} documents,"
        f" {report.chunks} passages ({known} of {asked} vectors known), {report.mode}"
    )


def _as_kept(outcome: RetrievalOutcome, score: str) -> Outcome:
    details = {
        "expected": [name for name, grade in outcome.gold.items() if grade],
        "found": list(outcome.ranking[:10]),
        "measures": dict(outcome.measures),
        "ms": round(outcome.ms, 1),
    }
    return Outcome(outcome.id, outcome.question, outcome.measures[score], details)


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
