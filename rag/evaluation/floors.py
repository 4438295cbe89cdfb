"""The least that an evaluation must reach, for continuous integration."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

_LESS_IS_BETTER = (
    "attack_success_rate",
    "contradictions_elsewhere",
    "cost",
    "errors",
    "sentences_unsupported",
    "sentences_weak",
    "tokens",
)


@dataclass(frozen=True)
class Floor:
    """A metric and the least it must be; of what grows worse with size, the most it may be."""

    metric: str
    value: float

    @property
    def is_ceiling(self) -> bool:
        """Whether less is better: times and costs."""
        return less_is_better(self.metric)

    def broken_by(self, metrics: Mapping[str, float | None]) -> str:
        """Return a sentence when the metrics miss it; empty when they reach it."""
        if self.metric not in metrics:
            return f"{self.metric} is not measured here; there are {', '.join(metrics)}."
        found = metrics[self.metric]
        if found is None:
            return f"{self.metric} could not be measured on these questions."
        if self.is_ceiling and found > self.value:
            return f"{self.metric} is {found:.4g}, more than {self.value:g}."
        if not self.is_ceiling and found < self.value:
            return f"{self.metric} is {found:.4g}, less than {self.value:g}."
        return ""


def less_is_better(metric: str) -> bool:
    """Whether a metric counts what it would be better to have less of."""
    return metric.endswith("_ms") or metric.startswith(_LESS_IS_BETTER)


def parse_floor(text: str) -> Floor:
    """Read `metric=value`, as an option of a command."""
    metric, separator, value = text.partition("=")
    try:
        if not (separator and metric):
            raise ValueError
        return Floor(metric.strip(), float(value))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not metric=value, for example mrr=0.8"
        ) from None
