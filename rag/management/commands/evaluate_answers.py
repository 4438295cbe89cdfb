"""`manage.py evaluate_answers`: how good the answers to known questions are."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.models import Organization, User
from rag.evaluation.answer_runs import AnswerReport, evaluate_answers
from rag.evaluation.answer_sets import read_answer_set
from rag.evaluation.cases import evaluate_cases
from rag.evaluation.records import Outcome
from rag.evaluation.workspace import Progress
from rag.index.versions import get_state
from rag.management.evaluations import Evaluation, EvaluationCommand
from rag.management.organizations import chosen_organizations
from rag.models import EvaluationRun


class Command(EvaluationCommand):
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
        super().add_arguments(parser)

    def evaluate(self, options: dict[str, Any], progress: Progress) -> Evaluation:
        if bool(options["folder"]) == bool(options["organization"]):
            raise CommandError("Name either a FOLDER or an --organization.", returncode=2)
        return (_kept_cases if options["organization"] else _files)(options, progress)


def _files(options: dict[str, Any], progress: Progress) -> Evaluation:
    limit = options["limit"]
    data = read_answer_set(options["folder"], options["questions"])
    report = evaluate_answers(data, limit=limit, progress=progress)
    return _evaluation(report, data.name, data.digest, {"limit": limit})


def _kept_cases(options: dict[str, Any], progress: Progress) -> Evaluation:
    [organization] = chosen_organizations(options["organization"])
    if not options["user"]:
        raise CommandError("Name with --user EMAIL as whom they are asked.", returncode=2)
    user = User.objects.filter(email=options["user"].strip().lower()).first()
    if user is None:
        raise CommandError(f"There is no user {options['user']}.", returncode=2)
    limit = options["limit"]
    report, digest = evaluate_cases(
        organization=organization, user=user, limit=limit, progress=progress
    )
    # As whom they are asked is part of how: others may read other documents.
    how = {"limit": limit, "user": str(user.pk)}
    return _evaluation(report, "Kept cases", digest, how, organization)


def _evaluation(
    report: AnswerReport,
    data_set: str,
    digest: str,
    options: Mapping[str, Any],
    organization: Organization | None = None,
) -> Evaluation:
    answered_by = f"{report.model or 'nobody'} {report.prompt_version}".strip()
    return Evaluation(
        kind=EvaluationRun.Kind.ANSWERS,
        data_set=data_set,
        digest=digest,
        options=options,
        title=(
            f"{data_set}: {len(report.outcomes)} questions, {report.documents} documents,"
            f" answered by {answered_by}"
        ),
        metrics=report.metrics,
        outcomes=[
            Outcome(each.id, each.question, float(each.is_as_expected), each.as_kept())
            for each in report.outcomes
        ],
        as_json=_as_json(report, data_set, digest),
        failures=report.failures,
        notes=list(_notes(report)),
        answer_model=report.model,
        prompt_version=report.prompt_version,
        embedding_model=get_state(organization.pk).model if organization else None,
        organization=organization,
    )


def _notes(report: AnswerReport) -> Iterator[str]:
    if report.unlocated:
        named = ", ".join(report.unlocated[:10])
        yield f"the evidence of {len(report.unlocated)} questions was found nowhere: {named}"
    for outcome in report.outcomes:
        if outcome.error:
            yield f"no answer to {outcome.id}: {outcome.error}"


def _as_json(report: AnswerReport, data_set: str, digest: str) -> dict[str, Any]:
    return {
        "data_set": {
            "name": data_set,
            "sha256": digest,
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
