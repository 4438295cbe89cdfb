"""Moves the oldest events into a file, so that file and rest can still be verified together."""

import datetime
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.audit import chain, record
from accounts.audit.verification import ARCHIVED, verify
from accounts.models import AuditCheckpoint, AuditEvent, Organization
from knowledge.lib.errors import Conflict

_BATCH = 1_000


@dataclass(frozen=True)
class Archived:
    """What of one chain went into the file, and how many rows were deleted for it."""

    organization_id: uuid.UUID | None
    through: int
    hash: str
    written: int
    deleted: int = 0


def archive(
    *, chains: Sequence[uuid.UUID | None], before: datetime.datetime, path: Path
) -> list[Archived]:
    """Write the events of before a moment into a new file, then delete them.

    The file is on the disk before the first row goes. Whatever dies in between leaves rows that the
    next run deletes.

    Raises:
        Conflict: there is a file of this name, or a chain is not whole: nothing was changed.
    """
    if path.exists():
        raise Conflict(f"{path} exists already.")
    for organization_id in chains:
        if not verify(organization_id).is_whole:
            raise Conflict("The audit trail is not whole: see manage.py verify_audit.")
    beside = path.with_name(f".{path.name}.part")
    sha256 = hashlib.sha256()
    written = []
    with beside.open("wb") as file:
        for organization_id in chains:
            part = Archived(organization_id, 0, "", 0)
            for event in _events_before(organization_id, before):
                line = json.dumps({**chain.facts(event), "hash": event.hash}, sort_keys=True)
                data = f"{line}\n".encode()
                sha256.update(data)
                file.write(data)
                part = Archived(organization_id, event.sequence, event.hash, part.written + 1)
            written.append(part)
        file.flush()
        os.fsync(file.fileno())
    if not any(part.written for part in written):
        beside.unlink()
    else:
        os.link(beside, path)  # fails where another run was faster
        beside.unlink()
    return [_forget(part, path.name, sha256.hexdigest()) for part in written]


def read_archives(paths: Sequence[Path]) -> dict[uuid.UUID | None, list[dict[str, Any]]]:
    """Return the events of archives by their chain, in order."""
    found: dict[uuid.UUID | None, list[dict[str, Any]]] = {}
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                event = json.loads(line)
                home = event["organization_id"]
                found.setdefault(uuid.UUID(home) if home else None, []).append(event)
    for events in found.values():
        events.sort(key=lambda event: event["sequence"])
    return found


def _events_before(
    organization_id: uuid.UUID | None, before: datetime.datetime
) -> Iterator[AuditEvent]:
    """Yield the events that a checkpoint does not cover yet, up to the first that is younger."""
    events = AuditEvent.objects.of_chain(organization_id)
    last = _checkpoints(organization_id).last()
    after = last.sequence if last is not None else 0
    while batch := list(events.filter(sequence__gt=after)[:_BATCH]):
        for event in batch:
            if event.created_at >= before:
                return
            yield event
        after = batch[-1].sequence


def _forget(part: Archived, name: str, sha256: str) -> Archived:
    if part.written:
        with transaction.atomic():
            head = chain.locked(part.organization_id)
            AuditCheckpoint.objects.create(
                chain=head, sequence=part.through, hash=part.hash, file_sha256=sha256
            )
            # The chain itself says what was taken out, or anybody's checkpoint could.
            record(
                action=ARCHIVED,
                organization=Organization(pk=part.organization_id)
                if part.organization_id
                else None,
                through=part.through,
                hash=part.hash,
                events=part.written,
                file=name,
                file_sha256=sha256,
            )
    deleted = _delete_archived(part.organization_id)
    return Archived(part.organization_id, part.through, part.hash, part.written, deleted)


def _delete_archived(organization_id: uuid.UUID | None) -> int:
    last = _checkpoints(organization_id).last()
    if last is None:
        return 0
    deleted = 0
    covered = AuditEvent.objects.of_chain(organization_id).filter(sequence__lte=last.sequence)
    while first := covered.first():
        through = min(first.sequence + _BATCH - 1, last.sequence)
        deleted += covered.filter(sequence__lte=through).order_by().remove_archived()
    return deleted


def _checkpoints(organization_id: uuid.UUID | None) -> Any:
    rows = AuditCheckpoint.objects.filter(chain=chain.key_of(organization_id))
    return rows.order_by("sequence")
