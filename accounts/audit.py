"""Writes the audit trail: ids, sizes and outcomes, never document text, questions or passwords."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Model

from accounts.models import AuditEvent, Organization, User
from knowledge.lib import context


def record(
    *,
    action: str,
    actor: User | None = None,
    organization: Organization | None = None,
    target: Model | None = None,
    **details: Any,
) -> AuditEvent:
    """Add one event, in the transaction of the act itself.

    Args:
        action: `noun.verb` in the past tense, for example `document.deleted`.
        actor: who did it; None for the system or somebody who is not signed in.
        organization: whose trail it belongs to; by default the actor's.
        target: what it was done to; its model name and key are kept.
        details: JSON-ready facts.
    """
    event = _event(action, actor, organization, target, details)
    event.save(force_insert=True)
    return event


def record_for_each(
    *,
    action: str,
    actor: User | None,
    targets: Iterable[tuple[Organization, Model, dict[str, Any]]],
) -> None:
    """Add an event for each (organization, target, details), in the transaction of the act."""
    AuditEvent.objects.bulk_create(
        _event(action, actor, organization, target, details)
        for organization, target, details in targets
    )


def _event(
    action: str,
    actor: User | None,
    organization: Organization | None,
    target: Model | None,
    details: dict[str, Any],
) -> AuditEvent:
    current = context.current()
    if organization is None and actor is not None:
        organization = actor.organization
    return AuditEvent(
        organization=organization,
        actor=actor,
        action=action,
        object_type=target._meta.model_name or "" if target is not None else "",
        object_id=str(target.pk) if target is not None else "",
        details=details,
        address=current.address or None,
        request_id=current.request_id,
    )
