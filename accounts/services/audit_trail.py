"""What is done to the audit trail itself: exported, and sealed anew; both are recorded in it."""

import uuid
from collections.abc import Mapping
from typing import IO

from django.db import transaction

from accounts import audit
from accounts.audit import chain
from accounts.audit.export import write_export
from accounts.models import AuditChain, AuditEvent, Organization, User
from accounts.querysets import AuditEventQuerySet


def export_events(
    *, events: AuditEventQuerySet, kind: str, actor: User, filters: Mapping[str, str]
) -> tuple[IO[bytes], int]:
    """Write events that the actor may read into a file, and record that they were given out.

    Args:
        events: begins with `visible_to(actor)`.
        kind: one of `accounts.audit.export.TYPES`.
        filters: how they were chosen.

    Returns:
        The file, at its start, and how many events are in it.
    """
    file, count = write_export(events, kind)
    audit.record(
        action="audit.exported", actor=actor, type=kind, events=count, filters=dict(filters)
    )
    return file, count


def export_chain(*, organization_id: uuid.UUID | None, kind: str) -> tuple[IO[bytes], int]:
    """Write a whole chain into a file, for the operator at the command line."""
    file, count = write_export(AuditEvent.objects.of_chain(organization_id), kind)
    audit.record(
        action="audit.exported", organization=_home(organization_id), type=kind, events=count
    )
    return file, count


@transaction.atomic
def seal_again(*, organization_id: uuid.UUID | None) -> None:
    """Seal a chain with the present secret key; for the operator, who has verified it."""
    head = chain.locked(organization_id)
    AuditChain.objects.filter(pk=head.pk).update(seal=chain.seal(head))
    audit.record(action="audit.resealed", organization=_home(organization_id))


def _home(organization_id: uuid.UUID | None) -> Organization | None:
    """Stand for an organization that may be deleted: its key is all that is asked for."""
    return Organization(pk=organization_id) if organization_id is not None else None
