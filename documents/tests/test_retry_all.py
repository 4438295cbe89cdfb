"""Retry all: every failed document that a person may change, and no other, is read again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django_q.models import OrmQ
from rest_framework.test import APIClient

from accounts.models import AuditEvent, User
from documents import retries
from documents.models import Document
from documents.retries import retry_documents

pytestmark = pytest.mark.django_db


def waiting() -> set[str]:
    return set(Document.objects.filter(status="uploaded").values_list("filename", flat=True))


def test_a_person_retries_their_own_and_an_admin_all_of_the_organization(
    failed: Any, owner: User, colleague: User, admin: User, outsider: User,
    api_as: Callable[[User], APIClient],
) -> None:  # fmt: skip
    for person in (owner, colleague, outsider):
        failed(owner=person, content=person.email.encode(), filename=f"{person.email}.txt")
    failed(owner=colleague, content=b"shared", filename="shared.txt", visibility="organization")
    answer = api_as(owner).post("/api/documents/retry")
    assert (answer.status_code, answer.json()) == (202, {"count": 1})
    assert waiting() == {"owner@acme.test.txt"}
    assert api_as(admin).post("/api/documents/retry").json() == {"count": 2}
    assert waiting() == {"owner@acme.test.txt", "colleague@acme.test.txt", "shared.txt"}
    assert AuditEvent.objects.filter(action="document.retried").count() == 3


def test_they_begin_anew_with_all_attempts_and_one_ring(
    failed: Any, owner: User, monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(retries, "_RETRY_BATCH", 2)
    for number in range(5):
        failed(content=b"%d" % number)
    OrmQ.objects.all().delete()
    with django_capture_on_commit_callbacks(execute=True):
        assert retry_documents(documents=Document.objects.all(), actor=owner) == 5
    assert {(d.status, d.attempts, d.error_message) for d in Document.objects.all()} == {
        ("uploaded", 0, "")
    }
    assert OrmQ.objects.count() == 1


def test_what_was_uploaded_again_since_and_a_second_failure_of_the_same_stay(
    failed: Any, upload: Any, owner: User
) -> None:
    replaced, twice, other = (failed(content=text) for text in (b"one", b"two", b"three"))
    again = upload(content=b"four")
    Document.objects.filter(pk=again.pk).update(sha256=replaced.sha256, size=replaced.size)
    Document.objects.filter(pk=other.pk).update(sha256=twice.sha256, size=twice.size)
    assert retry_documents(documents=Document.objects.all(), actor=owner) == 1
    assert Document.objects.get(pk=replaced.pk).is_failed
    assert {Document.objects.get(pk=one.pk).is_failed for one in (twice, other)} == {True, False}


def test_the_list_offers_it_when_several_have_failed(
    failed: Any, owner: User, colleague: User, page_as: Callable[[User], Client]
) -> None:
    failed()
    assert "Retry all" not in page_as(owner).get("/documents/").content.decode()
    failed()
    assert "2 documents could not be read" in page_as(owner).get("/documents/").content.decode()
    assert "could not be read" not in page_as(colleague).get("/documents/").content.decode()
    answer = page_as(owner).post("/documents/retry", {"next": "/documents/?status=failed"})
    assert answer["Location"] == "/documents/?status=failed"
    assert Document.objects.failed().count() == 0
