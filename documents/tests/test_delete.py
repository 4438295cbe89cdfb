"""A delete takes rows, index and files, and what fails of it is finished later."""

from typing import Any

import pytest
from django.apps import apps
from django.core.files.storage import default_storage
from django.db.models import ProtectedError

from accounts.models import AuditEvent
from documents import files, projection, services, tasks
from documents.models import Document, DocumentChunk, FileDeletion, Page
from documents.tests.conftest import stored_files
from knowledge.lib.errors import NotAllowed, NotFound

pytestmark = pytest.mark.django_db


@pytest.fixture
def removals(monkeypatch):
    """The projection's calls, with whether the chunks were still there at that time."""
    seen: list[tuple[Any, set[Any], bool]] = []

    class Recorder:
        def before_removal(self, *, organization_id, document_ids):
            there = DocumentChunk.objects.filter(document__in=document_ids).exists()
            seen.append((organization_id, set(document_ids), there))

    projection.projection.cache_clear()
    monkeypatch.setattr(services, "projection", Recorder)
    return seen


def test_a_delete_takes_everything(
    completed, admin, media, removals, django_capture_on_commit_callbacks
):
    document = completed()
    key = document.pk
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_document(document=document, actor=admin)
    assert removals == [(admin.organization_id, {key}, True)]
    assert not Document.objects.exists()
    assert not Page.objects.exists()
    assert not DocumentChunk.objects.exists()
    assert not FileDeletion.objects.exists()
    assert stored_files(media) == set()
    event = AuditEvent.objects.get(action="document.deleted")
    assert (event.actor, event.object_id) == (admin, str(key))


def test_the_file_stays_until_the_commit(completed, admin, media, removals):
    document = completed()
    services.delete_document(document=document, actor=admin)  # the test's transaction is open
    assert stored_files(media) == {f"{document.pk}.txt"}
    assert FileDeletion.objects.get().path == f"{document.pk}.txt"


def test_a_crash_after_the_commit_is_finished_by_the_sweeper(completed, admin, media, removals):
    services.delete_document(document=completed(), actor=admin)  # its on_commit never runs
    assert tasks.remove_deleted_files() == 1
    assert stored_files(media) == set()
    assert not FileDeletion.objects.exists()
    assert tasks.remove_deleted_files() == 0


def test_a_removal_that_fails_stays_in_the_journal_and_keeps_no_other(
    completed, admin, media, removals, monkeypatch, django_capture_on_commit_callbacks
):
    stubborn, other = completed(), completed()
    path = f"{stubborn.pk}.txt"
    real_delete = default_storage.delete

    def fails_once(name: str) -> None:
        if name == path:
            raise OSError("busy")
        real_delete(name)

    with monkeypatch.context() as patched:
        patched.setattr(default_storage._wrapped, "delete", fails_once)
        with django_capture_on_commit_callbacks(execute=True):
            services.delete_documents(documents=Document.objects.all(), actor=admin)
    assert not Document.objects.exists()
    assert stored_files(media) == {path}
    assert FileDeletion.objects.get().path == path
    assert other.file.name not in stored_files(media)

    later = files.timezone.now() + files.RETRY_AFTER
    monkeypatch.setattr(files.timezone, "now", lambda: later)
    assert tasks.remove_deleted_files() == 1
    assert stored_files(media) == set()


def test_a_failed_delete_leaves_all_as_it_was(completed, admin, media, monkeypatch):
    class Broken:
        def before_removal(self, **given):
            raise RuntimeError("no index")

    monkeypatch.setattr(services, "projection", Broken)
    document = completed()
    with pytest.raises(RuntimeError):
        services.delete_document(document=document, actor=admin)
    assert document.pages.count() == document.chunks.count() == 2
    assert not FileDeletion.objects.exists()
    assert stored_files(media) == {f"{document.pk}.txt"}


def test_only_admins_of_the_organization_may_delete(
    upload, owner, colleague, outsider, outside_admin, removals
):
    private, public = upload(), upload(visibility="organization")
    for actor, document, error in [
        (owner, private, NotAllowed),
        (owner, public, NotAllowed),
        (colleague, private, NotFound),
        (colleague, public, NotAllowed),
        (outsider, public, NotFound),
        (outside_admin, private, NotFound),
        (outside_admin, public, NotFound),
    ]:
        with pytest.raises(error):
            services.delete_document(document=document, actor=actor)
    assert set(Document.objects.all()) == {private, public}
    assert removals == []


def test_many_go_in_few_queries(
    upload, admin, outside_admin, removals, django_assert_max_num_queries, monkeypatch
):
    monkeypatch.setattr(services, "_DELETE_BATCH", 20)
    mine = {upload().pk for _ in range(40)}
    other = upload(owner=outside_admin)
    # A batch costs the same whatever is in it.
    with django_assert_max_num_queries(2 * 32):
        assert services.delete_documents(documents=Document.objects.all(), actor=admin) == 40
    assert set().union(*(keys for _, keys, _ in removals)) == mine
    assert [organization for organization, _, _ in removals] == [admin.organization_id] * 2
    assert set(Document.objects.all()) == {other}


def test_a_document_that_is_gone_already_is_not_found(upload, admin, removals):
    document = upload()
    services.delete_document(document=document, actor=admin)
    with pytest.raises(NotFound):
        services.delete_document(document=document, actor=admin)


def test_neither_its_person_nor_its_organization_can_be_deleted_past_the_services(
    completed, owner, organization
):
    document = completed()
    for whose in (owner, organization):
        with pytest.raises(ProtectedError) as refused:
            whose.delete()
        assert document in refused.value.protected_objects
    assert set(Document.objects.all()) == {document}


def test_a_batch_holds_no_more_than_others_can_wait_for(upload):
    sizes = (900, 900, 900, 5_000, 0, 10)
    for size in sizes:
        Document.objects.filter(pk=upload().pk).update(chunk_count=size)
    rows = Document.objects.values_list("pk", "chunk_count")
    batches = list(services._delete_batches(rows))
    counts = dict(rows)
    assert sum(map(len, batches)) == len(sizes)
    for batch in batches:
        assert len(batch) == 1 or sum(counts[key] for key in batch) <= services._DELETE_PASSAGES


# --- the pages ----------------------------------------------------------------------------------


def test_the_page_asks_before_it_deletes(page_as, upload, admin):
    document = upload()
    client = page_as(admin)
    address = f"/documents/{document.pk}/delete"
    assert "Delete “travel.txt”?" in client.get(address).content.decode()
    assert Document.objects.exists()
    assert client.post(address).status_code == 302
    assert not Document.objects.exists()


def test_the_page_offers_a_delete_to_admins_alone(page_as, upload, admin, owner):
    document = upload()
    for client, offered in [(page_as(admin), True), (page_as(owner), False)]:
        for address in ("/documents/", f"/documents/{document.pk}"):
            assert (b"data-delete" in client.get(address).content) is offered
    assert page_as(owner).post(f"/documents/{document.pk}/delete").status_code == 403


# --- Django admin -------------------------------------------------------------------------------


def test_django_admin_deletes_through_the_service(page_as, upload, admin, outside_admin, removals):
    document, other = upload(), upload(owner=outside_admin)
    client = page_as(admin)
    answer = client.post(
        "/admin/documents/document/",
        {
            "action": "delete_selected",
            "_selected_action": [str(document.pk), str(other.pk)],
            "post": "yes",
        },
    )
    assert answer.status_code == 302, answer.content.decode()[-2000:]
    assert set(Document.objects.all()) == {other}
    assert [keys for _, keys, _ in removals] == [{document.pk}]

    answer = client.post(f"/admin/documents/document/{other.pk}/delete/", {"post": "yes"})
    assert set(Document.objects.all()) == {other}


def test_what_other_apps_keep_of_a_chunk_follows_it(completed, admin):
    model = apps.get_model
    document, other = completed(), completed()
    conversation = model("rag", "Conversation").objects.create(user=admin)
    answer = model("rag", "Message").objects.create(conversation=conversation, role="assistant")
    for number, doc in enumerate((document, other), 1):
        chunk = doc.chunks.get(chunk_index=0)
        model("rag", "ChunkEmbedding").objects.create(
            organization=doc.organization, document=doc, chunk=chunk, model="fake", vector=b""
        )
        answer.sources.create(
            number=number, document=doc, chunk=chunk, page=1, start=0, end=1, score=1
        )
    services.delete_document(document=document, actor=admin)
    assert {e.document for e in model("rag", "ChunkEmbedding").objects.all()} == {other}
    lost, kept = answer.sources.order_by("number")
    assert (lost.document, lost.chunk) == (None, None)
    assert (kept.document, kept.chunk) == (other, other.chunks.get(chunk_index=0))
