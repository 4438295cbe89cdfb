import datetime
from itertools import pairwise

import pytest
from django.utils import timezone

from documents import leases
from documents.exceptions import DocumentFailure
from documents.models import Document

LATER = datetime.timedelta(hours=1)


def waiting(user, filename: str = "a.txt", size: int = 1, **fields) -> Document:
    return Document.objects.create(
        organization=user.organization,
        uploaded_by=user,
        filename=filename,
        extension="txt",
        content_type="text/plain",
        size=size,
        sha256="0" * 64,
        file="x.txt",
        **fields,
    )


def test_a_document_is_claimed_once(owner):
    document = waiting(owner)
    assert [lease.document_id for lease in leases.claim(limit=5)] == [document.pk]
    assert leases.claim(limit=5) == []


def test_an_ended_lease_is_claimed_again_by_another_worker(owner):
    waiting(owner)
    [first] = leases.claim(limit=1)
    Document.objects.update(lease_expires_at=timezone.now() - LATER)
    [second] = leases.claim(limit=1)
    assert second.token != first.token
    assert second.attempt == 2


def test_a_worker_that_lost_its_lease_can_neither_publish_nor_fail_nor_renew(owner):
    document = waiting(owner)
    [slow] = leases.claim(limit=1)
    Document.objects.update(lease_expires_at=timezone.now() - LATER)
    [fast] = leases.claim(limit=1)
    document.refresh_from_db()
    end = document.lease_expires_at
    leases.extend([slow])
    leases.fail(slow, DocumentFailure("late", code="late"))
    document.refresh_from_db()
    assert leases.lock([slow]) == []
    assert leases.lock([fast]) == [document]
    assert (document.status, document.lease_expires_at) == ("processing", end)


def test_what_may_pass_is_tried_again_later_and_at_last_fails(owner, settings):
    document = waiting(owner)
    failure = DocumentFailure("The database was busy.", code="busy", may_pass=True)
    waits = []
    for attempt in range(1, settings.INGEST_MAX_ATTEMPTS + 1):
        [lease] = leases.claim(limit=1)
        again = leases.fail(lease, failure)
        document.refresh_from_db()
        assert again == (attempt < settings.INGEST_MAX_ATTEMPTS)
        if again:
            assert leases.claim(limit=1) == []  # not before its time
            waits.append((document.next_attempt_at - timezone.now()).total_seconds())
            Document.objects.update(next_attempt_at=timezone.now())
    assert document.status == "failed"
    assert document.error_message == "The database was busy."
    assert [round(b / a) for a, b in pairwise(waits)] == [2, 2]


def test_what_can_not_pass_fails_at_once(owner):
    document = waiting(owner)
    [lease] = leases.claim(limit=1)
    assert not leases.fail(lease, DocumentFailure("Encrypted.", code="encrypted"))
    document.refresh_from_db()
    assert (document.status, document.error_code) == ("failed", "encrypted")
    assert leases.claim(limit=1) == []


def test_a_file_that_keeps_killing_the_worker_is_given_up(owner, settings):
    document = waiting(owner)
    for _ in range(settings.INGEST_MAX_ATTEMPTS):
        assert leases.claim(limit=1)
        Document.objects.update(lease_expires_at=timezone.now() - LATER)
    assert leases.claim(limit=1) == []
    document.refresh_from_db()
    assert document.status == "failed"
    assert "4 times" in document.error_message


def test_everybody_gets_a_turn_before_anybody_gets_a_second(owner, colleague, outsider):
    for number in range(10):
        waiting(owner, f"owner {number}")
    waiting(colleague, "colleague")
    waiting(outsider, "outsider")
    claimed = [lease.document_id for lease in leases.claim(limit=3)]
    names = set(Document.objects.filter(pk__in=claimed).values_list("filename", flat=True))
    assert names == {"owner 0", "colleague", "outsider"}


def test_small_documents_are_claimed_by_the_dozen_and_large_ones_a_few_at_a_time(owner):
    for number in range(6):
        waiting(owner, f"{number}.txt")
    assert len(leases.claim(limit=24, of_any_size=2)) == 6
    for number in range(6):
        waiting(owner, f"large {number}.txt", size=leases.SMALL_TOGETHER)
    assert len(leases.claim(limit=24, of_any_size=2)) == 2


def test_a_claim_takes_nothing_that_changed_after_it_was_chosen(owner, monkeypatch):
    kept, retried, removed = (waiting(owner, f"{n}.txt") for n in range(3))
    chosen = leases._chosen

    def meanwhile(*args):
        found = chosen(*args)
        monkeypatch.setattr(leases, "_chosen", chosen)
        Document.objects.filter(pk=retried.pk).update(attempts=1)
        Document.objects.filter(pk=removed.pk).update(status=Document.Status.COMPLETED)
        return found

    monkeypatch.setattr(leases, "_chosen", meanwhile)
    assert [lease.document_id for lease in leases.claim(limit=9)] == [kept.pk]


def test_the_document_that_rang_is_among_the_first(owner):
    for number in range(10):
        waiting(owner, f"{number}")
    last = Document.objects.get(filename="9")
    assert leases.claim(limit=2, first=last.pk)[0].document_id == last.pk


@pytest.mark.parametrize("stage", ["embedding", "publishing"])
def test_progress_is_shown_and_renews_the_lease(owner, stage):
    document = waiting(owner)
    [lease] = leases.claim(limit=1)
    Document.objects.update(lease_expires_at=timezone.now())
    leases.report([lease], stage=Document.Stage(stage), progress=40)
    document.refresh_from_db()
    assert (document.stage, document.progress) == (stage, 40)
    assert document.lease_expires_at > timezone.now()
