"""Starts, steers and ends changes of an organization's embedding model."""

import datetime
import uuid
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from accounts import audit
from accounts.models import Organization, User
from accounts.services.rights import require_admin_of
from knowledge.lib.errors import Conflict, NotFound
from rag import reembedding
from rag.embedding.registry import require_available
from rag.index.versions import get_state
from rag.model_comparison import evaluation_questions
from rag.models import ModelChange, OrganizationIndex

# A task that was queued so long ago was lost with its queue.
QUEUED_FOR = datetime.timedelta(minutes=15)
TASK = "rag.tasks.change_model"


def start_change(
    *,
    organization: Organization,
    model: str,
    actor: User | None,
    force: bool = False,
    switch_when_ready: bool = True,
    is_rollback: bool = False,
) -> ModelChange:
    """Begin to change to another model, or go on with an open change to the same one.

    Searches use the old model until the switch.

    Args:
        actor: None for the command line.
        force: switch even if the evaluation set says that the search gets worse.
        switch_when_ready: if not, the change waits for `switch` when every vector is there.
        is_rollback: it undoes an earlier change, and is not evaluated.

    Raises:
        NotAllowed: the actor does not administer the organization.
        InvalidInput: there is no such model here, or the evaluation set cannot be read.
        Conflict: the model is in use already, or another change is open.
    """
    _require_admin(actor, organization)
    require_available(model)
    if not is_rollback:
        evaluation_questions()
    with transaction.atomic():
        get_state(organization.pk)
        index = OrganizationIndex.objects.select_for_update().get(pk=organization.pk)
        current = ModelChange.objects.open().filter(organization=organization).first()
        if current is not None:
            return _go_on(current, model, force=force, switch_when_ready=switch_when_ready)
        if index.model == model:
            raise Conflict(f"{model} is the model in use.")
        change = ModelChange(
            organization=organization,
            model=model,
            previous_model=index.model,
            is_rollback=is_rollback,
            force=force,
            switch_when_ready=switch_when_ready,
            started_by=actor,
        )
        change.done, change.total = reembedding.count(change)
        change.full_clean()
        change.save()
        reembedding.announce(change)
        record("rollback_started" if is_rollback else "started", change, actor)
    return change


def switch(*, organization: Organization, actor: User | None, force: bool = False) -> ModelChange:
    """Let a change that waits switch as soon as every vector is there; `run_change` does it.

    Raises:
        NotAllowed: the actor does not administer the organization.
        NotFound: no change is open.
    """
    _require_admin(actor, organization)
    with transaction.atomic():
        change = _open_change(organization)
        return _go_on(change, change.model, force=force, switch_when_ready=True)


def roll_back(*, organization: Organization, actor: User | None) -> ModelChange:
    """Begin to change back to the model before; `run_change` does it.

    As long as its vectors were not pruned, only what was published since has to be embedded.

    Raises:
        NotAllowed: the actor does not administer the organization.
        Conflict: there is no model to go back to, or another change is open.
        InvalidInput: the model before is not there any more.
    """
    _require_admin(actor, organization)
    in_use = get_state(organization.pk).model
    switched = ModelChange.objects.filter(
        organization=organization, status=ModelChange.Status.SWITCHED, model=in_use
    )
    last = switched.order_by("-switched_at", "-id").first()
    if last is None:
        raise Conflict(f"{in_use} was never changed to: there is nothing to go back to.")
    return start_change(
        organization=organization, model=last.previous_model, actor=actor, is_rollback=True
    )


def cancel(*, organization: Organization, actor: User | None) -> ModelChange:
    """Give up the open change; the vectors it has stay until they are pruned.

    Raises:
        NotAllowed: the actor does not administer the organization.
        NotFound: no change is open.
    """
    _require_admin(actor, organization)
    with transaction.atomic():
        change = _open_change(organization)
        change.status = ModelChange.Status.CANCELLED
        change.lease_token = change.lease_expires_at = None
        change.save()
        reembedding.withdraw(change)
        record("cancelled", change, actor)
    return change


def prune(*, organization: Organization, actor: User | None) -> int:
    """Delete the vectors of models not in use, a few at a time; return how many.

    Afterwards a roll-back has to compute them anew.
    """
    _require_admin(actor, organization)
    deleted = prune_unneeded(organization.pk)
    if deleted:
        audit.record(
            action="model_change.pruned", actor=actor, organization=organization, vectors=deleted
        )
    return deleted


def ring_for_model_changes(*, change_id: int | None = None) -> None:
    """Queue one task for each change that nobody works on, unless one is queued already."""
    now = timezone.now()
    waiting = ModelChange.objects.waiting(now)
    if change_id is not None:
        waiting = waiting.filter(pk=change_id)
    for key in waiting.values_list("pk", flat=True):
        not_queued = Q(queued_at__isnull=True) | Q(queued_at__lte=now - QUEUED_FOR)
        if waiting.filter(not_queued, pk=key).update(queued_at=now):
            async_task(TASK, key)


def prune_unneeded(organization_id: uuid.UUID) -> int:
    """Delete the vectors of models that neither queries nor an open change use."""
    deleted = 0
    while batch := reembedding.prune_next(organization_id):
        deleted += batch
    return deleted


def record(event: str, change: ModelChange, actor: User | None, **details: Any) -> None:
    """Write an event of the change to the audit trail."""
    audit.record(
        action=f"model_change.{event}",
        actor=actor,
        organization=change.organization,
        target=change,
        model=change.model,
        previous_model=change.previous_model,
        **details,
    )


def _require_admin(actor: User | None, organization: Organization) -> None:
    if actor is not None:
        require_admin_of(actor=actor, organization_id=organization.pk)


def _open_change(organization: Organization) -> ModelChange:
    """Return the organization's open change, locked."""
    get_state(organization.pk)
    OrganizationIndex.objects.select_for_update().get(pk=organization.pk)
    change = (
        ModelChange.objects.open().select_for_update().filter(organization=organization).first()
    )
    if change is None:
        raise NotFound("No change of the embedding model is under way.")
    return change


def _go_on(change: ModelChange, model: str, *, force: bool, switch_when_ready: bool) -> ModelChange:
    """Return the open change if it leads to the model, with what is asked for now."""
    if change.model != model:
        raise Conflict(f"A change to {change.model} is under way. Cancel it first.")
    change.force = change.force or force
    change.switch_when_ready = change.switch_when_ready or switch_when_ready
    change.save(update_fields=["force", "switch_when_ready", "updated_at"])
    return change
