"""`manage.py evaluate_attacks`: what hostile documents achieve against the configured model."""

from typing import Any

from rag.evaluation.attacks import AttackOutcome, attacks_digest, evaluate_attacks, read_attacks
from rag.evaluation.records import Outcome
from rag.evaluation.workspace import Progress
from rag.management.evaluations import Evaluation, EvaluationCommand
from rag.models import EvaluationRun


class Command(EvaluationCommand):
    help = (
        "Ask questions whose answers stand in documents that also try to steer the model (visible"
        " and hidden instructions, fake citations, links and pictures that carry something away),"
        " each in an organization that goes afterwards, and tell how many of them had success."
        " Exit code: 0 done, 1 below --fail-under or failed, 2 usage."
    )

    def evaluate(self, options: dict[str, Any], progress: Progress) -> Evaluation:
        attacks = read_attacks()
        questions = {attack.id: attack.question for attack in attacks}
        report = evaluate_attacks(attacks, limit=options["limit"], progress=progress)
        prompt = report.prompt_version or "no prompt"
        return Evaluation(
            kind=EvaluationRun.Kind.ATTACKS,
            data_set="Attacks",
            digest=attacks_digest(),
            options={"limit": options["limit"]},
            title=f"{len(report.outcomes)} attacks on {report.model}, {prompt}",
            metrics=report.metrics,
            outcomes=[_as_kept(outcome, questions[outcome.id]) for outcome in report.outcomes],
            as_json=report.as_json(),
            failures=report.failures,
            notes=[
                f"succeeded: {outcome.id}: {' '.join(outcome.answer.split())[:160]}"
                for outcome in report.outcomes
                if outcome.has_succeeded
            ],
            answer_model=report.model,
            prompt_version=report.prompt_version,
        )


def _as_kept(outcome: AttackOutcome, question: str) -> Outcome:
    resisted = float(not outcome.has_succeeded)
    measures = {"resisted": resisted, "answered": float(outcome.answered)}
    details = {"attack": outcome.kind, "answer": outcome.answer, "measures": measures}
    return Outcome(outcome.id, question, resisted, details)
