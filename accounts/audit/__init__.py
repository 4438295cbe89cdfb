"""Writes the audit trail: ids, sizes and outcomes, never document text, questions or passwords."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import Model

from accounts.acts import ACTS
from accounts.audit import chain
from accounts.models import AuditEvent, Organization, User
from knowledge.lib import context

_without_trail: set[uuid.UUID] = set()


@contextmanager
def without_trail(organization_id: uuid.UUID) -> Iterator[None]:
    """Keep no trail of an organization, in this process, for the length of a `with` block.

    SECURITY: only for one that a command makes for itself and removes again, in which nobody is:
    its thousands of events would outlive it, and tell nothing.
    """
    _without_trail.add(organization_id)
    try:
        yield
    finally:
        _without_trail.discard(organization_id)


def record(
    *,
    action: str,
    actor: User | None = None,
    organization: Organization | None = None,
    target: Model | None = None,
    **details: Any,
) -> AuditEvent:
    """Add one event, in the transaction of the act itself.

    Call it late in that transaction: others who add to the same chain wait until it ends.

    Args:
        action: one of `accounts.acts`, for example `document.deleted`.
        actor: who did it; None for the system or somebody who is not signed in.
        organization: whose trail it belongs to; by default the actor's. With neither it belongs to
            the platform, whose chain is a trail of its own.
        target: what it was done to; its model name and key are kept.
        details: JSON-ready facts.
    """
    home = organization.pk if organization is not None else None
    if organization is None and actor is not None:
        home = actor.organization_id
    event = _event(action, actor, target, details)
    if home not in _without_trail:
        chain.append(home, [event])
    return event


def record_for_each(
    *,
    action: str,
    actor: User | None,
    targets: Iterable[tuple[Organization, Model, dict[str, Any]]],
) -> None:
    """Add an event for each (organization, target, details), in the transaction of the act."""
    events: dict[uuid.UUID, list[AuditEvent]] = defaultdict(list)
    for organization, target, details in targets:
        if organization.pk in _without_trail:
            continue
        events[organization.pk].append(_event(action, actor, target, details))
    for organization_id in sorted(events):  # in one order, so that no two wait for each other
        chain.append(organization_id, events[organization_id])


def _event(
    action: str, actor: User | None, target: Model | None, details: dict[str, Any]
) -> AuditEvent:
    if action not in ACTS:
        raise ValueError(f"{action} is not among the acts of the trail")
    current = context.current()
    return AuditEvent(
        actor_id=actor.pk if actor is not None else None,
        action=action,
        object_type=target._meta.model_name or "" if target is not None else "",
        object_id=str(target.pk) if target is not None else "",
        details=details,
        address=current.address or None,
        request_id=current.request_id,
    )
