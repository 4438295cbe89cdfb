"""Checks, repairs and rebuilds an organization's indexes, and records what was found.

The work itself is in `rag.integrity`; this decides who may ask for it, and where it runs: at once
for the command line, in a worker for everybody else.
"""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from accounts import audit
from accounts.models import Organization, User
from accounts.services.rights import require_admin_of
from knowledge.lib.errors import NotFound
from rag.index.base import IndexHealth
from rag.index.registry import get_lexical_index, get_vector_index
from rag.index.versions import get_state, record_rebuild
from rag.integrity.check import check
from rag.integrity.faults import Finding
from rag.integrity.repair import repair
from rag.integrity.report import Report, finding_as_json
from rag.models import IndexRun

TASK = "rag.tasks.run_on_index"
Action = IndexRun.Action

# A check takes one processor some 4 s for 100,000 chunks.
QUICK_CHUNKS = 20_000
# Runs of an organization that are kept.
KEPT_RUNS = 50
# What one repair uncovers, the next one takes away.
_ROUNDS = 3


def check_index(*, organization: Organization | None, thorough: bool = False) -> Report:
    """Check an organization's index now, in this process; nothing is written or recorded.

    Args:
        organization: None for what belongs to none of several organizations.
        thorough: check the inner structure of the index of words too, see `check`.
    """
    return check(organization, thorough=thorough)


def request_run(*, organization: Organization, action: str, actor: User) -> IndexRun:
    """Have a worker check, repair or rebuild the index; one that still waits is not doubled.

    Raises:
        NotAllowed: the actor does not administer the organization.
    """
    require_admin_of(actor=actor, organization_id=organization.pk)
    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=organization.pk)
        for waiting in IndexRun.objects.of(organization).filter(
            action=action, status=IndexRun.Status.QUEUED
        ):
            if waiting.is_open:
                return waiting
        run = IndexRun.objects.create(organization=organization, action=action, requested_by=actor)
        audit.record(
            action=f"index.{action}_requested", actor=actor, organization=organization, run=run.pk
        )
        transaction.on_commit(lambda: async_task(TASK, run.pk))
    return run


def run_now(*, organization: Organization | None, action: str) -> IndexRun:
    """Check, repair or rebuild here and now, for the operator at the command line."""
    run = IndexRun.objects.create(organization=organization, action=action)
    perform(run)
    return run


def perform(run: IndexRun) -> None:
    """Do what the run is for, and record what was found; a failure is recorded and raised."""
    run.status, run.started_at = IndexRun.Status.RUNNING, timezone.now()
    run.save(update_fields=["status", "started_at"])
    try:
        found, report = _ACTIONS[Action(run.action)](run.organization)
    except Exception as error:
        run.status, run.finished_at = IndexRun.Status.FAILED, timezone.now()
        run.error_message = f"It stopped with {type(error).__name__}; the log says more."
        run.save(update_fields=["status", "finished_at", "error_message"])
        raise
    run.status, run.finished_at = IndexRun.Status.FINISHED, timezone.now()
    run.consistent, run.report = report.is_consistent, report.as_json()
    run.repaired = [finding_as_json(finding) for finding in found]
    with transaction.atomic():
        run.save()
        if run.action != Action.CHECK:
            _record(run, found, report)
        kept = IndexRun.objects.of(run.organization).values_list("pk", flat=True)[:KEPT_RUNS]
        IndexRun.objects.of(run.organization).exclude(pk__in=list(kept)).delete()


def check_every_index() -> None:
    """Check each organization, and what belongs to none of several, and record it."""
    organizations: list[Organization | None] = list(Organization.objects.all())
    for organization in [*organizations, *([None] if len(organizations) > 1 else [])]:
        run_now(organization=organization, action=Action.CHECK)
        if organization is not None:
            get_vector_index().forget(organization.pk)


def read_health(*, organization: Organization, recorded: bool | None = None) -> dict[str, Any]:
    """Return a report as scripts get it.

    Args:
        recorded: the latest one that was recorded; False: check now; None: check now where that is
            quick, up to `QUICK_CHUNKS`.

    Raises:
        NotFound: none was recorded yet.
    """
    run = latest_run(organization=organization)
    if recorded is None:
        recorded = run is not None and not is_quick(run)
    if not recorded:
        return check_index(organization=organization).as_json()
    if run is None:
        raise NotFound("The index has not been checked yet.")
    return dict(run.report)


def is_quick(run: IndexRun) -> bool:
    """Tell whether a check like that one takes a second or so."""
    return bool(run.report.get("chunks", 0) <= QUICK_CHUNKS)


def latest_run(*, organization: Organization | None, action: str | None = None) -> IndexRun | None:
    """Return the latest run that came to a result, of one action or of any."""
    runs = IndexRun.objects.of(organization).finished()
    return (runs.filter(action=action) if action else runs).first()


def newest_runs(*, organization: Organization | None) -> list[IndexRun]:
    """Return the latest run of each action, whatever became of it."""
    runs = IndexRun.objects.of(organization)
    newest = (runs.filter(action=action).first() for action in Action)
    return [run for run in newest if run is not None]


def process_copy(*, organization: Organization) -> IndexHealth | None:
    """Compare this process's copy of the vectors with the rows; None without its model."""
    if get_state(organization.pk).model not in settings.EMBEDDERS:
        return None
    return get_vector_index().health(organization.pk)


def rebuild_index(*, organization: Organization) -> None:
    """Make both indexes anew from the rows, here and in every other process, without the model."""
    get_lexical_index().rebuild(organization.pk)
    with transaction.atomic():
        record_rebuild(organization.pk)
    get_vector_index().rebuild(organization.pk)


def _check(organization: Organization | None) -> tuple[list[Finding], Report]:
    return [], check(organization, thorough=True)


def _repair(organization: Organization | None) -> tuple[list[Finding], Report]:
    report = check(organization, thorough=True)
    found = list(report.findings)
    for _ in range(_ROUNDS):
        kinds = {finding.kind for finding in report.findings}
        if not kinds:
            break
        repair(organization, kinds)
        report = check(organization, thorough=True)
        if {finding.kind for finding in report.findings} == kinds:
            break  # what is left is not for a repair to take away
    return found, report


def _rebuild(organization: Organization | None) -> tuple[list[Finding], Report]:
    if organization is not None:
        rebuild_index(organization=organization)
    return [], check(organization, thorough=False)


_ACTIONS = {Action.CHECK: _check, Action.REPAIR: _repair, Action.REBUILD: _rebuild}


def _record(run: IndexRun, found: list[Finding], report: Report) -> None:
    done = "repaired" if run.action == Action.REPAIR else "rebuilt"
    audit.record(
        action=f"index.{done}",
        actor=run.requested_by,
        organization=run.organization,
        run=run.pk,
        found={finding.kind.value: finding.count for finding in found},
        left={finding.kind.value: finding.count for finding in report.findings},
    )
