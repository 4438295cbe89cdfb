"""`manage.py evaluate_answers`: how good the answers to known questions are."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Organization, User
from knowledge.lib.errors import AppError
from rag.evaluation.answer_runs import AnswerReport, evaluate_answers
from rag.evaluation.answer_sets import read_answer_set
from rag.evaluation.cases import evaluate_cases
from rag.evaluation.records import Outcome, keep_run
from rag.index.versions import get_state
from rag.management.evaluations import (
    Bars,
    add_evaluation_options,
    be_quiet,
    print_metrics,
    require_floors,
    write_json,
)
from rag.management.organizations import chosen_organizations
from rag.models import EvaluationRun


class Command(BaseCommand):
    help = (
        "Ask questions with known answers as people do, and tell how good the answers are. FOLDER"
        " holds corpus.jsonl (id, title, text) or files, which are ingested into an organization"
        " that goes afterwards, and qa.jsonl (question, answers, gold, quote, page, answerable,"
        " history). With --organization, the cases that it keeps are asked of its own documents."
        " Exit code: 0 done, 1 below --fail-under or failed, 2 usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER", nargs="?")
        parser.add_argument(
            "--questions", type=Path, metavar="FILE", help="instead of the folder's qa.jsonl"
        )
        parser.add_argument("--organization", metavar="NAME|ID", help="ask the cases that it keeps")
        parser.add_argument("--user", metavar="EMAIL", help="as whom its cases are asked")
        add_evaluation_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        be_quiet(options["verbosity"])
        if bool(options["folder"]) == bool(options["organization"]):
            raise CommandError("Name either a FOLDER or an --organization.", returncode=2)
        self._bars = Bars()
        try:
            report, run = (self._kept if options["organization"] else self._files)(options)
        except AppError as error:
            raise CommandError(error.message) from error
        finally:
            self._bars.close()
        self._print(report, run)
        if options["json"]:
            write_json(options["json"], _as_json(report, run))
        require_floors(options["fail_under"], report.metrics)

    def _files(self, options: dict[str, Any]) -> tuple[AnswerReport, EvaluationRun]:
        data = read_answer_set(options["folder"], options["questions"])
        report = evaluate_answers(data, limit=options["limit"], progress=self._bars)
        return report, _keep(report, data.name, data.digest, {"limit": options["limit"]})

    def _kept(self, options: dict[str, Any]) -> tuple[AnswerReport, EvaluationRun]:
        [organization] = chosen_organizations(options["organization"])
        if not options["user"]:
            raise CommandError("Name with --user EMAIL as whom they are asked.", returncode=2)
        user = User.objects.filter(email=options["user"].strip().lower()).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']}.", returncode=2)
        # As whom they are asked is part of how: others may read other documents.
        report, digest = evaluate_cases(
            organization=organization, user=user, limit=options["limit"], progress=self._bars
        )
        return report, _keep(
            report,
            "Kept cases",
            digest,
            {"limit": options["limit"], "user": str(user.pk)},
            organization,
        )

    def _print(self, report: AnswerReport, run: EvaluationRun) -> None:
        answered_by = f"{report.model or 'nobody'} {report.prompt_version}".strip()
        self.stdout.write(
            f"{run.data_set}: {len(report.outcomes)} questions, {report.documents} documents,"
            f" answered by {answered_by}"
        )
        for name, reason in list(report.failures.items())[:10]:
            self.stdout.write(f"  not ingested: {name}: {reason}")
        if report.unlocated:
            named = ", ".join(report.unlocated[:10])
            self.stdout.write(
                f"  the evidence of {len(report.unlocated)} questions was found nowhere: {named}"
            )
        for outcome in report.outcomes:
            if outcome.error:
                self.stdout.write(f"  no answer to {outcome.id}: {outcome.error}")
        print_metrics(self.stdout, report.metrics)


def _keep(
    report: AnswerReport,
    data_set: str,
    digest: str,
    options: dict[str, Any],
    organization: Organization | None = None,
) -> EvaluationRun:
    return keep_run(
        kind=EvaluationRun.Kind.ANSWERS,
        data_set=data_set,
        digest=digest,
        options=options,
        metrics=report.metrics,
        outcomes=[
            Outcome(each.id, each.question, float(each.is_as_expected), each.as_kept())
            for each in report.outcomes
        ],
        embedding_model=get_state(organization.pk).model if organization else None,
        answer_model=report.model,
        prompt_version=report.prompt_version,
        organization=organization,
    )


def _as_json(report: AnswerReport, run: EvaluationRun) -> dict[str, Any]:
    return {
        "data_set": {
            "name": run.data_set,
            "sha256": run.data_set_sha256,
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
