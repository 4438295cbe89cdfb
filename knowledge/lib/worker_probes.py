"""What is looked at of background work: whether it goes on, what waits, what failed."""

import datetime
from collections.abc import Iterator

from django.utils import timezone

from knowledge.lib.diagnostics import Audience, Line, State, register
from knowledge.lib.probe_words import age_text, moment_text

# A schedule that nobody has taken up for so long: the scheduler looks twice a minute.
_WORKER_AWAY = datetime.timedelta(minutes=3)
_TASK_WAITS = datetime.timedelta(minutes=15)
_SHOWN = 10
_START_WORKER = (
    "Start it: manage.py start runs it beside the web server, manage.py qcluster alone. "
    "Nothing that waits is lost."
)
_LOST_WORKER = (
    "If it was stopped on purpose, this line goes within half an hour. Else look at its machine; "
    "what it had in work is taken up by the others."
)


def probe_workers(audience: Audience) -> Iterator[Line]:
    """Tell whether background work goes on; of other things, only to the operator."""
    yield _heartbeat(audience)
    if not audience.is_operator:
        return
    yield from _clusters()
    yield from _queue()
    yield _failed_tasks()


def _heartbeat(audience: Audience) -> Line:
    """Judge by the schedules: whichever process runs them moves their next time on."""
    from django_q.models import Schedule

    due = Schedule.objects.exclude(next_run=None).order_by("next_run").first()
    if due is None or due.next_run is None:
        advice = "Run manage.py bootstrap, which makes the schedules, and start the worker."
        return _told(audience, Line("Worker", "nothing is scheduled", State.FAIL, advice))
    late = timezone.now() - due.next_run
    if late > _WORKER_AWAY:
        found = f"no sign of life for {age_text(late)}"
        return _told(audience, Line("Worker", found, State.FAIL, _START_WORKER))
    return Line("Worker", "recurring work is on time")


def _told(audience: Audience, line: Line) -> Line:
    if audience.is_operator:
        return line
    advice = "Uploaded documents wait and nothing is lost. Tell whoever operates the platform."
    return Line(line.name, "not running", line.state, advice)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _clusters() -> Iterator[Line]:
    """Tell of each cluster when it was seen last, as it has written down itself."""
    from knowledge.lib.models import WorkerSign
    from knowledge.lib.worker_signs import SILENT_AFTER

    now = timezone.now()
    signs = list(WorkerSign.objects.order_by("host", "pid"))
    silent = [sign for sign in signs if now - sign.seen_at > SILENT_AFTER]
    count = sum(sign.workers for sign in signs if sign not in silent)
    clusters = len(signs) - len(silent)
    found = f"{_counted(count, 'worker')} in {_counted(clusters, 'cluster')}"
    details = tuple(
        f"{sign.host}, process {sign.pid}: {sign.status.lower()}, "
        f"{_counted(sign.workers, 'worker')}, seen {moment_text(sign.seen_at)}, "
        f"up for {age_text(now - sign.started_at)}"
        for sign in signs
    )
    if len(silent) == len(signs):
        yield Line("Signs of life", "none has been seen", State.FAIL, _START_WORKER, details)
    elif silent:
        found += f", {len(silent):,} without a sign of life"
        yield Line("Signs of life", found, State.WARN, _LOST_WORKER, details)
    else:
        yield Line("Signs of life", found, details=details)


def _queue() -> Iterator[Line]:
    from django_q.models import OrmQ

    now = timezone.now()
    waiting = OrmQ.objects.filter(lock__lte=now).order_by("lock")
    count, in_work = waiting.count(), OrmQ.objects.filter(lock__gt=now).count()
    yield Line("Queue", f"{count:,} waiting, {in_work:,} in work")
    oldest = waiting.first()
    if oldest is None or oldest.lock is None:
        yield Line("Oldest job", "none waits")
        return
    age = now - oldest.lock
    found = f"{oldest.func()} waits for {age_text(age)}"
    if age > _TASK_WAITS:
        advice = "If the worker is alive it has too much to do: raise WORKERS, or see its log."
        yield Line("Oldest job", found, State.WARN, advice)
    else:
        yield Line("Oldest job", found)


def _failed_tasks() -> Line:
    from django_q.models import Failure

    since = timezone.now() - datetime.timedelta(days=1)
    failed = Failure.objects.filter(stopped__gte=since).order_by("-stopped")
    count = failed.count()
    if not count:
        return Line("Jobs that failed", "none in 24 hours")
    # SECURITY: what a task was given and what it raised may hold words of documents.
    details = tuple(f"{moment_text(task.stopped)}  {task.func}" for task in failed[:_SHOWN])
    advice = "The worker's log has the exception of each. Recurring work is tried again by itself."
    return Line("Jobs that failed", f"{count:,} in 24 hours", State.WARN, advice, details)


register("Background work", probe_workers, place=20)
