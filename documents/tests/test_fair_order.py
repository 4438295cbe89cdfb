"""Whose document is next: nobody waits behind the thousands of somebody else."""

import datetime
import uuid

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Organization, User
from documents import leases
from documents.exceptions import DocumentFailure
from documents.fair_order import Passed, Person, next_documents
from documents.models import Document

pytestmark = pytest.mark.django_db

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
EARLIER = datetime.timedelta(hours=1)


def wait(user: User, count: int, **fields) -> None:
    """Let so many documents wait, each younger than all before it."""
    first = Document.objects.count()
    Document.objects.bulk_create(
        Document(
            organization=user.organization,
            uploaded_by=user,
            filename=f"{user.email} {number}",
            extension="txt",
            content_type="text/plain",
            size=1,
            sha256="0" * 64,
            file=f"{uuid.uuid4()}.txt",
            created_at=START + datetime.timedelta(seconds=first + number),
            **fields,
        )
        for number in range(count)
    )


def order(limit: int, **given) -> list[str]:
    """Return who is served, in order."""
    chosen = next_documents(timezone.now(), limit=limit, **given)
    return [document.uploaded_by.email.split("@")[0] for document in chosen]


def claimed(limit: int) -> list[str]:
    """Claim documents one by one, as workers do that finish none meanwhile."""
    keys = [lease.document_id for _ in range(limit) for lease in leases.claim(limit=1)]
    people = dict(Document.objects.values_list("pk", "uploaded_by__email"))
    return [people[key].split("@")[0] for key in keys]


@pytest.fixture
def team_of_fifty(other_organization: Organization) -> list[User]:
    return User.objects.bulk_create(
        User(email=f"person{number}@rival.test", organization=other_organization)
        for number in range(50)
    )


def test_a_newcomers_page_is_next_behind_five_thousand(owner, colleague):
    wait(owner, 5_000)
    assert claimed(3) == ["owner"] * 3
    wait(colleague, 1)
    assert claimed(2) == ["colleague", "owner"]


def test_a_person_is_served_from_the_oldest_on(owner):
    wait(owner, 20)
    names = [document.filename for document in next_documents(timezone.now(), limit=4)]
    assert names == [f"owner@acme.test {number}" for number in range(4)]


def test_an_organization_of_fifty_people_has_no_more_turns_than_one_person(owner, team_of_fifty):
    for person in team_of_fifty:
        wait(person, 10)
    wait(owner, 10)
    served = claimed(10)
    assert served.count("owner") == 5
    assert len(set(served)) == 6  # and inside the other organization, five different people


def test_what_is_in_work_counts_so_that_a_worker_that_takes_one_at_a_time_is_fair(
    owner, colleague, outsider
):
    wait(owner, 100)
    wait(colleague, 2)
    wait(outsider, 2)
    assert sorted(claimed(4)) == ["colleague", "outsider", "outsider", "owner"]


def test_with_nothing_in_work_whoever_waits_for_less_goes_first(owner, colleague, outsider):
    wait(owner, 100)
    wait(colleague, 50)
    wait(outsider, 1)
    for expected in ("outsider", "colleague"):
        assert order(1) == [expected]
        [lease] = leases.claim(limit=1)
        leases.complete(Document.objects.get(pk=lease.document_id), title="", page_count=1,
                        chunk_count=1)  # fmt: skip


def test_who_is_passed_over_does_not_come_up(owner, colleague, outsider):
    for person in (owner, colleague, outsider):
        wait(person, 3)
    busy = Person(owner.organization_id, owner.pk)
    assert set(order(9, passed=Passed(people={busy}))) == {"colleague", "outsider"}
    assert set(order(9, passed=Passed(organizations={owner.organization_id}))) == {"outsider"}


def test_all_that_waits_is_served_once(owner, colleague, outsider):
    for person, count in ((owner, 7), (colleague, 2), (outsider, 4)):
        wait(person, count)
    chosen = next_documents(timezone.now(), limit=100)
    assert len({document.pk for document in chosen}) == len(chosen) == 13


def test_ten_thousand_that_wait_are_not_read_to_find_the_next(owner, team_of_fifty):
    if connection.vendor != "sqlite":
        pytest.skip("the plan is SQLite's")
    waiting = Document.objects.waiting(timezone.now()).order_by()
    counting = waiting.values_list("organization_id", "uploaded_by_id").distinct()
    assert "COVERING INDEX document_turn" in counting.explain()
    theirs = waiting.filter(organization=owner.organization, uploaded_by=owner)
    plan = theirs.order_by("created_at", "pk").explain()
    assert "INDEX document_turn (status=? AND organization_id=? AND uploaded_by_id=?)" in plan
    assert "ORDER BY" not in plan  # no sorting


# --- what a worker died with --------------------------------------------------------------------


def died(*, after: int, user: User, count: int = 1) -> None:
    """Let documents be left behind by a worker, at so manieth an attempt."""
    wait(
        user,
        count,
        status="processing",
        attempts=after,
        lease_token=uuid.uuid4(),
        lease_expires_at=timezone.now() - EARLIER,
    )


def test_what_workers_died_with_repeatedly_is_worked_on_alone(owner):
    died(after=2, user=owner, count=2)
    wait(owner, 5)
    first, second = leases.claim(limit=4), leases.claim(limit=4)
    assert [(len(taken), taken[0].is_suspect) for taken in (first, second)] == [(1, True)] * 2
    assert [lease.is_suspect for lease in leases.claim(limit=9)] == [False] * 5


def test_a_suspect_does_not_go_together_with_what_was_chosen_before_it(owner, colleague):
    wait(owner, 1)
    died(after=2, user=colleague)
    died(after=2, user=colleague)
    taken = leases.claim(limit=4)
    assert [lease.is_suspect for lease in taken] == [False]


def test_what_a_stopped_worker_left_is_not_suspect_yet(owner):
    died(after=1, user=owner, count=8)
    assert [lease.is_suspect for lease in leases.claim(limit=8)] == [False] * 8


def test_what_is_given_up_hides_nothing_that_waits(owner, settings):
    died(after=settings.INGEST_MAX_ATTEMPTS, user=owner, count=20)
    wait(owner, 1)
    assert [lease.attempt for lease in leases.claim(limit=4)] == [1]
    assert Document.objects.filter(status="failed").count() == 20


def test_two_workers_that_choose_the_same_get_it_once(owner, monkeypatch):
    wait(owner, 4)
    chosen = next_documents(timezone.now(), limit=4)
    first = leases._take(chosen)
    second = leases._take(chosen)
    assert (len(first), second) == (4, [])


def test_a_busy_database_uses_up_no_attempt(owner, settings):
    wait(owner, 1)
    busy = DocumentFailure("Busy.", code="busy", may_pass=True, counts=False)
    for _ in range(settings.INGEST_MAX_ATTEMPTS + 2):
        [lease] = leases.claim(limit=1)
        assert lease.attempt == 1
        assert leases.fail(lease, busy) is True
        Document.objects.update(next_attempt_at=timezone.now())


def test_a_failure_of_what_is_gone_or_with_another_worker_is_recorded_nowhere(owner):
    wait(owner, 1)
    [lease] = leases.claim(limit=1)
    Document.objects.update(lease_token=uuid.uuid4())
    assert leases.fail(lease, DocumentFailure("No.", code="no")) is None
    assert Document.objects.get().status == "processing"
