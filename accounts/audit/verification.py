"""Looks a chain through: what was edited, removed, added or put elsewhere since it was written."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Max

from accounts.audit.chain import digest, facts, has_seal, key_of
from accounts.models import AuditChain, AuditCheckpoint, AuditEvent

ARCHIVED = "audit.archived"
_BATCH = 2_000
# Faults that are told one by one; the others are counted.
MOST_TOLD = 100

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it was written; `sequence` is where in the chain."""

    kind: str
    sequence: int
    message: str


@dataclass
class ChainReport:
    """What was found in one chain.

    Attributes:
        organization_id: None for the platform's own chain.
        count, head: of the head's row; kept elsewhere they show later that nothing was rewritten.
        archived: events up to this one are in archives; those given were looked through too.
        checked: events whose digest and place were compared.
        faults: the first `MOST_TOLD`; `fault_count` counts all.
    """

    organization_id: uuid.UUID | None
    count: int = 0
    head: str = ""
    archived: int = 0
    checked: int = 0
    fault_count: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return not self.fault_count

    def found(self, kind: str, sequence: int, message: str) -> None:
        """Add a fault."""
        self.fault_count += 1
        if len(self.faults) < MOST_TOLD:
            self.faults.append(Fault(kind, sequence, message))


def chain_ids() -> list[uuid.UUID | None]:
    """Return every chain there is: the platform's, and those of organizations, deleted ones too."""
    return [key if key.int else None for key in AuditChain.objects.values_list("pk", flat=True)]


def verify(
    organization_id: uuid.UUID | None,
    *,
    archived: Iterable[Facts] = (),
    anchors: Mapping[int, str] | None = None,
) -> ChainReport:
    """Compare a chain with what it must be; reading only, while others may add to it.

    Args:
        organization_id: whose chain; None for the platform's.
        archived: the events of its archives, in order; without them the chain is looked through
            from the last checkpoint on.
        anchors: hashes by sequence that were noted elsewhere.
    """
    report = ChainReport(organization_id)
    chain = AuditChain.objects.filter(pk=key_of(organization_id)).first()
    if chain is None:
        report.found("chain_missing", 0, "The chain has no head.")
        return report
    report.count, report.head = chain.count, chain.head
    checkpoint = chain.checkpoints.order_by("-sequence").first()
    reader = _Reader(report, anchors or {})
    for event in archived:
        reader.take(event)
    if checkpoint is not None:
        report.archived = checkpoint.sequence
        reader.pass_checkpoint(checkpoint)
    for event in _stored(organization_id, after=reader.sequence, through=chain.count):
        reader.take(event)
    _check_end(report, reader, chain)
    if checkpoint is not None and checkpoint.hash not in reader.explained:
        report.found(
            "checkpoint_unexplained",
            checkpoint.sequence,
            "A checkpoint lets events be deleted that no event says were archived.",
        )
    return report


class _Reader:
    """Takes the events of a chain one after the other, and knows where it stands."""

    def __init__(self, report: ChainReport, anchors: Mapping[int, str]) -> None:
        self.report = report
        self.anchors = anchors
        self.sequence = 0
        self.hash = ""
        self.explained: set[str] = set()

    def take(self, event: Facts) -> None:
        """Compare one event with its own digest, and with the one before it."""
        report, sequence = self.report, event["sequence"]
        if digest(event) != event["hash"]:
            report.found("edited", sequence, "The event does not have the hash of its fields.")
        if sequence <= self.sequence:  # archives may overlap
            return
        if sequence > self.sequence + 1:
            self.missing(sequence - 1)
        elif event["previous_hash"] != self.hash:
            report.found("reordered", sequence, "The event does not follow the one before it.")
        if event["action"] == ARCHIVED:
            self.explained.add(event["details"].get("hash", ""))
        report.checked += 1
        self.stand_at(sequence, event["hash"])

    def missing(self, last: int) -> None:
        """Note that the events up to `last` are gone."""
        first = self.sequence + 1
        which = f"Event {first} is" if first == last else f"Events {first} to {last} are"
        self.report.found("removed", first, f"{which} gone.")

    def pass_checkpoint(self, checkpoint: AuditCheckpoint) -> None:
        """Go on behind what was archived, whether or not the archives were given."""
        if self.sequence == checkpoint.sequence and self.hash != checkpoint.hash:
            self.report.found(
                "archive_foreign", self.sequence, "The archive does not end as the chain goes on."
            )
        elif 0 < self.sequence < checkpoint.sequence:
            self.missing(checkpoint.sequence)
        if self.sequence <= checkpoint.sequence:
            self.stand_at(checkpoint.sequence, checkpoint.hash)

    def stand_at(self, sequence: int, last: str) -> None:
        """Note how far the chain was followed, and compare it with what was noted elsewhere."""
        self.sequence, self.hash = sequence, last
        if self.anchors.get(sequence, last) != last:
            self.report.found(
                "rewritten", sequence, "The hash noted elsewhere was another one: it was rewritten."
            )


def _stored(organization_id: uuid.UUID | None, *, after: int, through: int) -> Iterator[Facts]:
    rows = AuditEvent.objects.of_chain(organization_id).filter(sequence__lte=through)
    while batch := list(rows.filter(sequence__gt=after)[:_BATCH]):
        for event in batch:
            yield {**facts(event), "hash": event.hash}
        after = batch[-1].sequence


def _check_end(report: ChainReport, reader: _Reader, chain: AuditChain) -> None:
    """Compare the last event with the head, which knows how many there were."""
    if reader.sequence < chain.count:
        reader.missing(chain.count)
    elif reader.hash != chain.head:
        report.found("head_altered", chain.count, "The head has another hash than the last event.")
    current = AuditChain.objects.get(pk=chain.pk).count
    beyond = AuditEvent.objects.of_chain(report.organization_id).filter(sequence__gt=current)
    if last := beyond.aggregate(last=Max("sequence"))["last"]:
        report.found("added", last, "Events follow that the head does not know.")
    if not has_seal(chain):
        report.found(
            "unsealed",
            chain.count,
            "The head was written without the secret key, or the key was changed since.",
        )
    for sequence in sorted(reader.anchors):
        if sequence > chain.count:
            report.found(
                "removed", sequence, "The chain was longer once, by a hash noted elsewhere."
            )
