"""Whose document is next: organizations take turns, and inside one the people do."""

import datetime
import uuid
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Count, Min

from documents.models import Document
from documents.querysets import DocumentQuerySet


@dataclass(frozen=True)
class Person:
    """Who uploaded, and where they belong."""

    organization_id: uuid.UUID
    user_id: uuid.UUID


@dataclass(frozen=True)
class Passed:
    """Who is passed over this time, because they have enough in work."""

    people: Collection[Person] = ()
    organizations: Collection[uuid.UUID] = ()

    def skips(self, person: Person) -> bool:
        """Tell whether none of the person's documents may be chosen."""
        return person in self.people or person.organization_id in self.organizations


@dataclass
class _Queue:
    """What one person has waiting: documents left behind first, then the oldest."""

    waiting: int
    since: datetime.datetime
    left_behind: list[Document]


def next_documents(
    now: datetime.datetime, *, limit: int, passed: Passed | None = None
) -> list[Document]:
    """Return up to `limit` documents that may be taken, in the order of their turns.

    The next is of the organization with the fewest documents in work, inside it of the person with
    the fewest, and of theirs the oldest; between equals, of whoever waits for the fewest. So a
    newcomer's page comes next, however many thousands others have waiting, and an organization of
    fifty people has no more turns than one of a single person.
    """
    queues = {
        person: queue
        for person, queue in _queues(now).items()
        if passed is None or not passed.skips(person)
    }
    order = _order(queues, _in_work(now), limit)
    found = {
        person: iter(_first(person, queues[person], now, count))
        for person, count in Counter(order).items()
    }
    documents = (next(found[person], None) for person in order)
    return [document for document in documents if document is not None]


def _order(queues: dict[Person, _Queue], in_work: Counter[Person], limit: int) -> list[Person]:
    """Return whose document is taken first, second and so on."""
    left = {person: queue.waiting for person, queue in queues.items()}
    theirs = Counter(in_work)
    of_organization: Counter[uuid.UUID] = Counter()
    waiting: Counter[uuid.UUID] = Counter()
    for person, count in in_work.items():
        of_organization[person.organization_id] += count
    for person, count in left.items():
        waiting[person.organization_id] += count

    def turn(person: Person) -> tuple[object, ...]:
        home = person.organization_id
        return (
            of_organization[home],
            waiting[home],
            home,
            theirs[person],
            left[person],
            queues[person].since,
            person.user_id,
        )

    order: list[Person] = []
    while left and len(order) < limit:
        person = min(left, key=turn)
        order.append(person)
        theirs[person] += 1
        of_organization[person.organization_id] += 1
        left[person] -= 1
        if not left[person]:
            del left[person]
    return order


def _queues(now: datetime.datetime) -> dict[Person, _Queue]:
    """Return what each person has waiting, counted by the database without reading the rows."""
    rows = (
        Document.objects.waiting(now)
        .order_by()
        .values_list("organization_id", "uploaded_by_id")
        .annotate(count=Count("pk"), since=Min("created_at"))
    )
    queues = {Person(home, user): _Queue(count, since, []) for home, user, count, since in rows}
    for document in Document.objects.left_behind(now).order_by("created_at", "pk"):
        person = person_of(document)
        queue = queues.setdefault(person, _Queue(0, document.created_at, []))
        queue.waiting += 1
        queue.left_behind.append(document)
    return queues


def _in_work(now: datetime.datetime) -> Counter[Person]:
    """Count the documents that workers, this or other ones, have now."""
    rows = (
        Document.objects.in_work(now)
        .order_by()
        .values_list("organization_id", "uploaded_by_id")
        .annotate(count=Count("pk"))
    )
    return Counter({Person(home, user): count for home, user, count in rows})


def _first(person: Person, queue: _Queue, now: datetime.datetime, count: int) -> Iterable[Document]:
    first = queue.left_behind[:count]
    if len(first) < count:
        first = first + list(_theirs(Document.objects.waiting(now), person)[: count - len(first)])
    return first


def _theirs(documents: DocumentQuerySet, person: Person) -> DocumentQuerySet:
    theirs = documents.filter(organization_id=person.organization_id, uploaded_by_id=person.user_id)
    return theirs.order_by("created_at", "pk")


def person_of(document: Document) -> Person:
    """Return whose turn the document takes."""
    return Person(document.organization_id, document.uploaded_by_id)
