"""Figures for Prometheus: of this process's requests, and what an app's collectors add.

No label names a person, an organization or a document, nor holds what a stranger can make up.
"""

from typing import Protocol

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
REGISTRY = CollectorRegistry()
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REFUSALS = frozenset({413, 429, 503, 507})

_requests = Histogram(
    "knowledge_request_seconds",
    "Requests of this process by route; streams until their end.",
    ["method", "route", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
    registry=REGISTRY,
)
_refusals = Counter(
    "knowledge_refusals",
    "Requests refused by this process for a limit: size, rate, budget, overload, lock, full disk.",
    ["code"],
    registry=REGISTRY,
)


class Source(Protocol):
    """What else is told at each request of Prometheus."""

    def collect(self) -> list[Metric]:
        """Return figures as they are now."""


class _Collector(Collector):
    """Asks a source only when Prometheus does, not already when it is added."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> list[Metric]:
        return self._source.collect()


def add(source: Source) -> None:
    """Have a source's figures told too."""
    REGISTRY.register(_Collector(source))


def note_request(*, method: str, route: str, status: int, code: str, seconds: float) -> None:
    """Count a request.

    Args:
        route: as the URLconf writes it; empty for an address that does not exist.
        code: what the answer calls its error; empty without one.
    """
    known = method if method in _METHODS else "other"
    _requests.labels(known, route or "none", str(status)).observe(seconds)
    if status in _REFUSALS:
        _refusals.labels(code or str(status)).inc()


def as_text() -> bytes:
    """Return everything in the format of Prometheus."""
    return generate_latest(REGISTRY)
