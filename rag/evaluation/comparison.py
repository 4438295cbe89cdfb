"""Puts two runs of the same questions side by side: what got better, what got worse."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

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

    @property
    def parts(self) -> list[str]:
        """The name in parts, between which a line may end."""
        return [f"{part}_" for part in self.name.split("_")[:-1]] + [self.name.split("_")[-1]]

    @property
    def form(self) -> str:
        """How many digits are shown, as `floatformat` takes it."""
        return "1u" if self.name.endswith("_ms") else "3u"


@dataclass(frozen=True)
class QuestionChange:
    """A question that both runs asked, and whose outcome differs."""

    before: EvaluationOutcome
    now: EvaluationOutcome


@dataclass(frozen=True)
class Comparison:
    """A run beside an earlier one.

    Attributes:
        settings: name, before and now of what was configured otherwise.
        same: how many questions had the same outcome.
        only_before, only_now: how many only one of the runs asked.
        mean_before, mean_now: of the scores of those that both asked; None where there is none.
    """

    earlier: EvaluationRun
    metrics: Sequence[MetricChange]
    settings: Sequence[tuple[str, object, object]]
    better: Sequence[QuestionChange]
    worse: Sequence[QuestionChange]
    same: int
    only_before: int
    only_now: int
    mean_before: float | None
    mean_now: float | None

    @property
    def is_of_same_questions(self) -> bool:
        """Whether the figures of both are of the same questions."""
        return not (self.only_before or self.only_now)


def compare_runs(run: EvaluationRun, earlier: EvaluationRun) -> Comparison:
    """Compare a run with an earlier one, question by question."""
    before = {outcome.key: outcome for outcome in earlier.outcomes.all()}
    now = {outcome.key: outcome for outcome in run.outcomes.all()}
    both = [QuestionChange(before[key], now[key]) for key in now if key in before]
    better = [change for change in both if _gain(change) > _SAME]
    worse = [change for change in both if _gain(change) < -_SAME]
    are_same = before.keys() == now.keys()
    return Comparison(
        earlier,
        [
            _metric(name, earlier.metrics.get(name), run.metrics.get(name), are_same)
            for name in [*run.metrics, *(n for n in earlier.metrics if n not in run.metrics)]
        ],
        _differing(earlier, run),
        sorted(better, key=_gain, reverse=True),
        sorted(worse, key=_gain),
        same=len(both) - len(better) - len(worse),
        only_before=len(before) - len(both),
        only_now=len(now) - len(both),
        mean_before=fmean(change.before.score for change in both) if both else None,
        mean_now=fmean(change.now.score for change in both) if both else None,
    )


def metrics_of(run: EvaluationRun) -> list[MetricChange]:
    """Return the metrics of a run that stands beside no other."""
    return [MetricChange(name, None, value, "") for name, value in run.metrics.items()]


def _gain(change: QuestionChange) -> float:
    return change.now.score - change.before.score


def _metric(name: str, before: float | None, now: float | None, are_same: bool) -> MetricChange:
    if before is None or now is None or not are_same:
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
