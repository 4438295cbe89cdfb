"""Checks, repairs and rebuilds an organization's indexes, and records what was found.

The work itself is in `rag.integrity`; this decides who may ask for it, and where it runs: at once
for the command line, in a worker for everybody else.
"""

from contextlib import suppress
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
from rag.integrity.embedding_repair import AtRest
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


def perform_queued(run_id: int) -> IndexRun | None:
    """Do what a run is for that waits for a worker; None where another has it, or it is gone.

    That of a suspended organization is put aside, and goes on when the suspension is lifted.
    """
    run = IndexRun.objects.filter(pk=run_id).select_related("organization").first()
    waiting = IndexRun.objects.filter(pk=run_id, status=IndexRun.Status.QUEUED)
    if run is None:
        return None
    if run.organization is not None and run.organization.is_suspended:
        waiting.update(status=IndexRun.Status.PAUSED)
        return None
    if not waiting.update(status=IndexRun.Status.RUNNING):
        return None
    with suppress(AtRest):  # it is put aside already
        perform(run)
    return run


def resume_paused_runs() -> None:
    """Queue the runs again that a suspension had stopped, once each."""
    for key in IndexRun.objects.to_resume().values_list("pk", flat=True):
        now = timezone.now()
        paused = IndexRun.objects.filter(pk=key, status=IndexRun.Status.PAUSED)
        if paused.update(status=IndexRun.Status.QUEUED, requested_at=now, started_at=None):
            async_task(TASK, key)


def perform(run: IndexRun) -> None:
    """Do what the run is for, and record what was found; a failure is recorded and raised."""
    run.status, run.started_at = IndexRun.Status.RUNNING, timezone.now()
    run.save(update_fields=["status", "started_at"])
    try:
        found, report = _ACTIONS[Action(run.action)](run.organization)
    except AtRest:
        run.status = IndexRun.Status.PAUSED
        run.save(update_fields=["status"])
        raise
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
    """Check each organization that is in service, and what belongs to none of several."""
    every: list[Organization | None] = list(Organization.objects.all())
    in_service = [one for one in every if one is not None and not one.is_suspended]
    for organization in [*in_service, *([None] if len(every) > 1 else [])]:
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
