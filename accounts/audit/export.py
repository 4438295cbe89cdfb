"""Gives the trail out as a file: JSON Lines, which can be verified, or CSV for a spreadsheet."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

from accounts.audit.chain import facts
from accounts.models import AuditEvent
from accounts.querysets import AuditEventQuerySet
from knowledge.lib.spreadsheets import csv_line

TYPES = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
COLUMNS = (
    *("sequence", "created_at", "actor", "actor_id", "action", "object_type", "object_id"),
    *("address", "request_id", "details", "hash"),
)
_BATCH = 1_000


def write_export(events: AuditEventQuerySet, kind: str) -> tuple[IO[bytes], int]:
    """Write events, in any order but each chain in its own, into a file that nobody else can open.

    Args:
        events: which ones.
        kind: one of `TYPES`.

    Returns:
        The file, at its start, and how many events are in it.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
    count = 0
    lines = _CSV() if kind == "csv" else _JSONLines()
    file.write(lines.head())
    for event in _in_order(events):
        file.write(lines.line(event))
        count += 1
    file.seek(0)
    return file, count


class _JSONLines:
    """The facts that the digest covers, the digest, and the actor's email as it is now."""

    def head(self) -> bytes:
        return b""

    def line(self, event: AuditEvent) -> bytes:
        row = {**facts(event), "hash": event.hash, "actor": _email(event)}
        return (json.dumps(row, ensure_ascii=False) + "\n").encode()


class _CSV:
    """The same facts for a spreadsheet, each of the details in one cell."""

    def head(self) -> bytes:
        return self._row(COLUMNS)

    def line(self, event: AuditEvent) -> bytes:
        row = {**facts(event), "hash": event.hash, "actor": _email(event)}
        row["details"] = json.dumps(event.details, ensure_ascii=False, sort_keys=True)
        return self._row(row[name] for name in COLUMNS)

    @staticmethod
    def _row(values: Iterable[Any]) -> bytes:
        return csv_line(values).encode()


def _email(event: AuditEvent) -> str:
    return event.actor.email if event.actor is not None else ""


def _in_order(events: AuditEventQuerySet) -> Iterator[AuditEvent]:
    """Yield the events in order, some at a time: the trail may be longer than the memory."""
    ordered = events.with_actors().order_by("pk")
    after = 0
    while batch := list(ordered.filter(pk__gt=after)[:_BATCH]):
        yield from batch
        after = batch[-1].pk
