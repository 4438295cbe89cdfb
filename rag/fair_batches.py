"""What is read and waits for the model: everybody gets a part of each call of it."""

import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from documents.fair_order import Person
from rag.chunk_vectors import Embedded, joined
from rag.embedding.base import Vector
from rag.publishing import Job

# Chunks of one person that go into a call before the next person's turn.
SHARE = 64


@dataclass
class Work:
    """A document that is read: how many of its chunks are given out, and the vectors so far.

    Attributes:
        known: the vectors by the digest of their text: what the document says again is not
            computed again.
    """

    job: Job
    given: int = 0
    embedded: list[Embedded] = field(default_factory=list)
    known: dict[bytes, Vector] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """The chunks that wait for the model."""
        return len(self.job.chunks) - self.given

    def give(self, most: int) -> "Slice":
        """Give out the next chunks."""
        start = self.given
        self.given = min(start + most, len(self.job.chunks))
        return Slice(self, start, self.given)

    def take(self, embedded: Embedded) -> bool:
        """Keep the vectors of the slice that was given out; True when they are all there."""
        self.embedded.append(embedded)
        self.known.update(zip(embedded.digests, embedded.vectors, strict=True))
        if sum(len(part.digests) for part in self.embedded) < len(self.job.chunks):
            return False
        self.job.embedded = joined(self.embedded)
        return True


@dataclass(frozen=True)
class Slice:
    """Chunks [start, end) of one document, in one call of the model."""

    work: Work
    start: int
    end: int

    @property
    def job(self) -> Job:
        """The document."""
        return self.work.job


class FairBatches:
    """Organizations take turns, inside one the people, and each person's documents wait in order.

    A document of a thousand pages is therefore embedded in parts. Who waits for a page or two does
    not even wait for the parts of others: every second call is short, and theirs alone.
    """

    def __init__(self) -> None:
        self._was_short = False
        self._chunks = 0
        self._lines: OrderedDict[uuid.UUID, OrderedDict[Person, deque[Work]]] = OrderedDict()

    @property
    def chunks(self) -> int:
        """How many chunks wait."""
        return self._chunks

    def add(self, work: Work) -> None:
        """Let a document wait, behind the others of its person."""
        person = work.job.lease.person
        people = self._lines.setdefault(person.organization_id, OrderedDict())
        people.setdefault(person, deque()).append(work)
        self._chunks += work.left

    def drop(self, work: Work) -> None:
        """Let a document that failed wait no longer."""
        self._chunks -= work.left
        work.given = len(work.job.chunks)
        self._forget_finished()

    def next(self, size: int) -> list[Slice]:
        """Return up to `size` chunks for one call, all of one model."""
        batch: list[Slice] = []
        people = self._next_people()
        found = True
        while found and size > 0:
            found = False
            for home in list(self._lines):
                work = self._next_of(home, people, batch[0].job.model if batch else None)
                if work is None or size <= 0:
                    continue
                piece = work.give(min(SHARE, size))
                size -= piece.end - piece.start
                self._chunks -= piece.end - piece.start
                _append(batch, piece)
                found = True
                self._forget_finished()
        return batch

    def _next_people(self) -> set[Person]:
        """Return whose documents may be in the next call."""
        waiting = {
            person: sum(work.left for work in line)
            for people in self._lines.values()
            for person, line in people.items()
        }
        short = {person for person, chunks in waiting.items() if chunks <= SHARE}
        self._was_short = bool(short) and len(short) < len(waiting) and not self._was_short
        return short if self._was_short else set(waiting)

    def _next_of(self, home: uuid.UUID, people: set[Person], model: str | None) -> Work | None:
        """Return the document whose turn it is in an organization, and move the turn on."""
        lines = self._lines[home]
        person = next((person for person in lines if person in people), None)
        if person is None or (model is not None and lines[person][0].job.model != model):
            return None
        lines.move_to_end(person)
        self._lines.move_to_end(home)
        return lines[person][0]

    def _forget_finished(self) -> None:
        for home, people in list(self._lines.items()):
            for person, line in list(people.items()):
                while line and not line[0].left:
                    line.popleft()
                if not line:
                    del people[person]
            if not people:
                del self._lines[home]


def _append(batch: list[Slice], piece: Slice) -> None:
    """Add a slice, as one with the document's slice before it."""
    for at, other in enumerate(batch):
        if other.work is piece.work:
            batch[at] = Slice(piece.work, other.start, piece.end)
            return
    batch.append(piece)
