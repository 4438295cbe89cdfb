"""Figures for Prometheus that the database has, whichever process made them.

They are sums over all organizations: no label tells of one.
"""

import datetime
import threading
from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Q, Sum
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from documents.models import Document
from knowledge.lib import metrics
from rag.models import IndexRun, OrganizationIndex, UsageRecord

_HOUR = datetime.timedelta(hours=1)
# What of the ledger is added up, by the name of its field.
_SUMS = ("calls", "prompt_tokens", "completion_tokens", "embedding_tokens", "cost", "ms")


class DatabaseFigures:
    """Documents, queue and indexes as they are; the ledger as it grows."""

    def __init__(self) -> None:
        self._ledger = LedgerTotals()

    def collect(self) -> list[Metric]:
        return [*_documents(), *_queue(), *_indexes(), *self._ledger.collect()]


class LedgerTotals:
    """Adds up what is new in the ledger since the last time, for rows are never changed.

    What was there at the last time is added now: a row that another transaction was still to commit
    then is not passed over.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a restarted process does."""
        self._read_to = 0
        self._seen: int | None = None
        self._sums: defaultdict[tuple[str, str, str], dict[str, float]] = defaultdict(
            lambda: dict.fromkeys(_SUMS, 0)
        )

    def collect(self) -> list[Metric]:
        """Return the totals."""
        with self._lock:
            newest = UsageRecord.objects.aggregate(newest=Max("pk"))["newest"] or 0
            self._add(newest if self._seen is None else self._seen)
            self._seen = newest
            return _ledger_metrics(self._sums)

    def _add(self, until: int) -> None:
        rows = UsageRecord.objects.filter(pk__gt=self._read_to, pk__lte=until).order_by()
        added = (Count("pk"), *(Sum(name) for name in _SUMS[1:]))
        names = dict(zip((f"sum_{name}" for name in _SUMS), added, strict=True))
        grouped = rows.values_list("model", "feature", "outcome").annotate(**names)
        for model, feature, outcome, *found in grouped:
            sums = self._sums[model, feature, outcome]
            for name, value in zip(_SUMS, found, strict=True):
                sums[name] += float(value)
        self._read_to = max(self._read_to, until)


def _ledger_metrics(sums: dict[tuple[str, str, str], dict[str, float]]) -> list[Metric]:
    labels = ["model", "feature", "outcome"]
    calls = CounterMetricFamily("knowledge_model_calls", "Calls of models.", labels=labels)
    seconds = CounterMetricFamily("knowledge_model_seconds", "Time in calls.", labels=labels)
    cost = CounterMetricFamily("knowledge_model_cost", "In the set currency.", labels=labels)
    tokens = CounterMetricFamily("knowledge_model_tokens", "Tokens.", labels=[*labels, "kind"])
    for key, found in sorted(sums.items()):
        calls.add_metric(key, found["calls"])
        seconds.add_metric(key, found["ms"] / 1000)
        cost.add_metric(key, found["cost"])
        for kind in ("prompt", "completion", "embedding"):
            tokens.add_metric([*key, kind], found[f"{kind}_tokens"])
    return [calls, seconds, cost, tokens]


def _documents() -> list[Metric]:
    now = timezone.now()
    counted = dict(Document.objects.order_by().values_list("status").annotate(n=Count("pk")))
    states = [(value, counted.get(value, 0)) for value in Document.Status.values]
    causes = Document.objects.failed().order_by().values_list("error_code").annotate(n=Count("pk"))
    took = ExpressionWrapper(F("completed_at") - F("created_at"), output_field=DurationField())
    # By when they were uploaded too: a retry of an old one says nothing of how long reading takes.
    recent = Document.objects.filter(completed_at__gte=now - _HOUR, version_of=None)
    done = recent.aggregate(
        count=Count("pk"),
        seconds=Sum(took, filter=Q(created_at__gte=now - 24 * _HOUR)),
        timed=Count("pk", filter=Q(created_at__gte=now - 24 * _HOUR)),
    )
    seconds = done["seconds"].total_seconds() if done["seconds"] else 0
    oldest = Document.objects.waiting(now).order_by("created_at").first()
    waits = (now - (oldest.next_attempt_at or oldest.created_at)).total_seconds() if oldest else 0
    return [
        _gauge("knowledge_documents", "Documents.", "status", states),
        _gauge("knowledge_documents_failed", "Failed documents.", "cause", causes),
        _plain("knowledge_documents_oldest_waiting_seconds", "Longest wait of one.", waits),
        _plain("knowledge_ingested_last_hour", "Documents completed.", done["count"]),
        _plain(
            "knowledge_ingestion_seconds",
            "From upload to ready, on average over the last hour.",
            seconds / done["timed"] if done["timed"] else 0,
        ),
    ]


def _queue() -> list[Metric]:
    now = timezone.now()
    jobs = OrmQ.objects.aggregate(
        waiting=Count("pk", filter=Q(lock__lte=now)), in_work=Count("pk", filter=Q(lock__gt=now))
    )
    oldest = OrmQ.objects.filter(lock__lte=now).order_by("lock").first()
    age = (now - oldest.lock).total_seconds() if oldest and oldest.lock else 0
    due = Schedule.objects.exclude(next_run=None).order_by("next_run").first()
    late = max(0, (now - due.next_run).total_seconds()) if due and due.next_run else 0
    return [
        _gauge("knowledge_queue_jobs", "Jobs of the workers.", "state", jobs.items()),
        _plain("knowledge_queue_oldest_seconds", "Longest wait of a job.", age),
        _plain("knowledge_worker_late_seconds", "How late recurring work is.", late),
    ]


def _indexes() -> list[Metric]:
    found = OrganizationIndex.objects.aggregate(
        count=Count("pk"), versions=Sum("version"), newest=Max("version")
    )
    latest = IndexRun.objects.finished().order_by().values("organization").annotate(last=Max("pk"))
    broken = IndexRun.objects.filter(pk__in=latest.values("last"), consistent=False).count()
    return [
        _plain("knowledge_indexes", "Indexes.", found["count"]),
        _plain("knowledge_indexes_inconsistent", "Of which the last check found faults.", broken),
        _plain("knowledge_index_versions", "All versions added up.", found["versions"] or 0),
        _plain("knowledge_index_version_max", "The highest version.", found["newest"] or 0),
    ]


def _gauge(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values:
        family.add_metric([key or "unknown"], value)
    return family


def _plain(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


FIGURES = DatabaseFigures()
metrics.add(FIGURES)
