"""Puts two runs of the same questions side by side: what got better, what got worse."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.evaluation.floors import less_is_better
from rag.models import EvaluationOutcome, EvaluationRun

# Differences below this are noise of the last digits.
_SAME = 0.0005
# Of times: two runs of one code differ by more than this on a busy machine.
_SAME_SHARE_OF_TIME = 0.2
_NEITHER = frozenset({"errors", "sentences_weak", "sentences_unsupported"})


@dataclass(frozen=True)
class MetricChange:
    """A metric before and now; `verdict` is better, worse or same, or empty for what is no merit.

    Attributes:
        before: None where the earlier run has none.
    """

    name: str
    before: float | None
    now: float | None
    verdict: str

    @property
    def difference(self) -> float | None:
        """How much more it is than before."""
        return None if self.before is None or self.now is None else self.now - self.before


@dataclass(frozen=True)
class QuestionChange:
    """A question whose outcome differs; either side is None where only the other run asked it."""

    before: EvaluationOutcome | None
    now: EvaluationOutcome | None


@dataclass(frozen=True)
class Comparison:
    """A run beside an earlier one.

    Attributes:
        settings: name, before and now of what was configured otherwise.
        same: how many questions had the same outcome.
    """

    earlier: EvaluationRun
    metrics: Sequence[MetricChange]
    settings: Sequence[tuple[str, object, object]]
    better: Sequence[QuestionChange]
    worse: Sequence[QuestionChange]
    same: int


def compare_runs(run: EvaluationRun, earlier: EvaluationRun) -> Comparison:
    """Compare a run with an earlier one, question by question."""
    before = {outcome.key: outcome for outcome in earlier.outcomes.all()}
    better: list[QuestionChange] = []
    worse: list[QuestionChange] = []
    same = 0
    for outcome in run.outcomes.all():
        old = before.get(outcome.key)
        if old is None or abs(outcome.score - old.score) <= _SAME:
            same += 1
        else:
            (better if outcome.score > old.score else worse).append(QuestionChange(old, outcome))
    return Comparison(
        earlier,
        [
            _metric(name, earlier.metrics.get(name), run.metrics.get(name))
            for name in [*run.metrics, *(n for n in earlier.metrics if n not in run.metrics)]
        ],
        _differing(earlier, run),
        sorted(better, key=_size, reverse=True),
        sorted(worse, key=_size, reverse=True),
        same,
    )


def _size(change: QuestionChange) -> float:
    assert change.before is not None and change.now is not None  # noqa: S101 - both are there  # nosec B101
    return abs(change.now.score - change.before.score)


def _metric(name: str, before: float | None, now: float | None) -> MetricChange:
    if before is None or now is None:
        return MetricChange(name, before, now, "")
    tolerance = _SAME_SHARE_OF_TIME * before if name.endswith("_ms") else _SAME
    if abs(now - before) <= tolerance:
        return MetricChange(name, before, now, "same")
    is_up_good = not (less_is_better(name) or name in _NEITHER)
    return MetricChange(name, before, now, "better" if (now > before) == is_up_good else "worse")


def _differing(earlier: EvaluationRun, run: EvaluationRun) -> list[tuple[str, object, object]]:
    named = [
        (name, getattr(earlier, field), getattr(run, field))
        for name, field in (
            ("Product", "version"),
            ("Code", "revision"),
            ("Embedding model", "embedding_model"),
            ("Answers by", "answer_model"),
            ("Prompt", "prompt_version"),
        )
    ]
    for name in sorted({*earlier.parameters, *run.parameters}):
        named.append((name, earlier.parameters.get(name), run.parameters.get(name)))
    return [(name, before, now) for name, before, now in named if before != now]
