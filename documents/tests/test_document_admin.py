"""Django admin shows an organization's admin their documents alone, and changes by services."""

import pytest

from accounts.models import AuditEvent, User
from documents.models import Document

pytestmark = pytest.mark.django_db

PLACES = ["document", "page", "documentchunk"]


def test_an_admin_finds_nothing_of_another_organization(page_as, completed, admin, outside_admin):
    mine, theirs = completed(), completed(owner=outside_admin, filename="secret.txt")
    client = page_as(admin)
    for place in PLACES:
        text = client.get(f"/admin/documents/{place}/").content.decode()
        assert mine.filename in text
        assert "secret.txt" not in text
    assert client.get(f"/admin/documents/document/{mine.pk}/change/").status_code == 200
    for place, key in [
        ("document", theirs.pk),
        ("page", theirs.pages.get(number=1).pk),
        ("documentchunk", theirs.chunks.get(chunk_index=0).pk),
    ]:
        answer = client.get(f"/admin/documents/{place}/{key}/change/")
        assert answer.status_code == 302  # as for a key that does not exist
        assert "secret" not in answer.content.decode()


def test_a_plain_user_is_not_let_in(page_as, completed, owner):
    completed()
    for place in PLACES:
        assert page_as(owner).get(f"/admin/documents/{place}/").status_code in (302, 403)


def test_the_journal_is_the_operators_alone(page_as, admin):
    assert page_as(admin).get("/admin/documents/filedeletion/").status_code == 403
    operator = User.objects.create_superuser("root@platform.test", "correct-horse-battery")
    assert page_as(operator).get("/admin/documents/filedeletion/").status_code == 200


def test_only_what_it_is_called_and_sorted_by_is_written_by_hand(page_as, completed, admin):
    document = completed()
    client = page_as(admin)
    before = Document.objects.values().get()
    given = {"filename": "x", "tags": "Travel, rail", "collection": "HR", "status": "failed"}
    client.post(f"/admin/documents/document/{document.pk}/change/", given)
    assert client.post("/admin/documents/document/add/", given).status_code == 403
    changed = {"filename": "x.txt", "collection": "HR", "collection_key": "hr"}
    assert Document.objects.values().get() == before | changed
    assert [tag.name for tag in document.tags.all()] == ["rail", "Travel"]
    assert AuditEvent.objects.filter(action="document.edited", actor=admin).exists()


def test_failed_documents_are_tried_again(page_as, failed, completed, admin, outside_admin):
    mine, ready, theirs = failed(), completed(), failed(owner=outside_admin)
    chosen = [str(d.pk) for d in (mine, ready, theirs)]
    page_as(admin).post(
        "/admin/documents/document/", {"action": "retry_failed", "_selected_action": chosen}
    )
    assert {d.pk: d.status for d in Document.objects.all()} == {
        mine.pk: "uploaded",
        ready.pk: "completed",
        theirs.pk: "failed",
    }


def test_the_operator_may_delete_across_organizations(page_as, completed, outside_admin):
    operator = User.objects.create_superuser("root@platform.test", "correct-horse-battery")
    theirs = completed(owner=outside_admin)
    page_as(operator).post(f"/admin/documents/document/{theirs.pk}/delete/", {"post": "yes"})
    assert not Document.objects.exists()
