"""What the audit page and the API share: which events are asked for, and the trail as a file."""

import uuid
from typing import Any

from django.utils import timezone

from accounts import services
from accounts.audit.export import TYPES
from accounts.models import User
from accounts.querysets import AuditEventQuerySet
from knowledge.lib.streaming import DownloadResponse


def matching(
    events: AuditEventQuerySet, admin: User, *, actor: str = "", **filters: Any
) -> AuditEventQuerySet:
    """Return the events that fit the filters of `AuditEventQuerySet.matching`.

    Args:
        actor: id or email of who did it; an email of the admin's own organization.
    """
    if not actor:
        return events.matching(**filters)
    actor_id = _key_of(admin, actor.strip())
    return events.matching(actor_id=actor_id, **filters) if actor_id else events.none()


def _key_of(admin: User, actor: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(actor)
    except ValueError:
        people = User.objects.visible_to(admin).filter(email=actor.lower())
        return people.values_list("pk", flat=True).first()


def export_answer(
    admin: User, kind: str, events: AuditEventQuerySet, filters: dict[str, Any]
) -> DownloadResponse:
    """Return the events as a download; that they were given out is an event itself."""
    told = {name: str(value) for name, value in filters.items()}
    file, _ = services.export_events(events=events, kind=kind, actor=admin, filters=told)
    name = f"audit-{timezone.localdate().isoformat()}.{kind}"
    answer = DownloadResponse(file, as_attachment=True, filename=name, content_type=TYPES[kind])
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
