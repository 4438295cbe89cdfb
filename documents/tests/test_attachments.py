"""Attachments are documents that are stored once, and shared and deleted with their message."""

import hashlib

import pytest

from accounts.models import AuditEvent, Team
from documents import attachments, services
from documents.attachments import store_attachments
from documents.extraction.base import Attachment
from documents.leases import Lease, claim
from documents.models import Document, FileDeletion
from documents.tests.conftest import stored_files
from knowledge.lib.errors import Conflict, StorageFull

pytestmark = pytest.mark.django_db

RULES = Attachment("rules.txt", b"Book early.")
PLAN = Attachment("plan.md", b"# Plan")


def lease_on(document: Document) -> Lease:
    [lease] = claim(limit=1, first=document.pk)
    assert lease.document_id == document.pk
    return lease


def attach(document: Document, *files: Attachment) -> list[str]:
    return store_attachments(lease=lease_on(document), document=document, attachments=files)


@pytest.fixture
def message(upload) -> Document:
    return upload(filename="mail.eml", content=b"Subject: Rules\n\nSee the attachments.\n")


@pytest.fixture
def attached(message) -> Document:
    assert attach(message, RULES) == []
    return message.attachments.get()


def test_an_attachment_is_a_document_of_its_own(attached, message, owner, media):
    assert (attached.filename, attached.extension, attached.status) == (
        "rules.txt",
        "txt",
        "uploaded",
    )
    assert (attached.uploaded_by, attached.organization) == (owner, owner.organization)
    assert attached.sha256 == hashlib.sha256(RULES.content).hexdigest()
    assert (media / f"{attached.pk}.txt").read_bytes() == RULES.content
    assert stored_files(media) == {f"{attached.pk}.txt", f"{message.pk}.eml"}
    assert not FileDeletion.objects.exists()
    event = AuditEvent.objects.get(action="document.uploaded", object_id=str(attached.pk))
    assert event.actor == owner
    assert event.details["attached_to"] == str(message.pk)


def test_whoever_reads_the_message_again_stores_nothing_twice(message):
    lease = lease_on(message)
    other_name = Attachment("copy.txt", RULES.content)
    for files in ([RULES], [RULES, PLAN, RULES, other_name], [RULES, PLAN, other_name]):
        assert store_attachments(lease=lease, document=message, attachments=files) == []
    names = sorted(message.attachments.values_list("filename", flat=True))
    assert names == ["copy.txt", "plan.md", "rules.txt"]


def test_what_cannot_be_taken_is_said_and_keeps_no_other(message, settings, media):
    settings.MAX_UPLOAD_BYTES = 100
    tool, big = Attachment("tool.exe", b"MZ"), Attachment("big.txt", b"x" * 101)
    first, second = attach(message, tool, big, RULES)
    assert first == "The attachment “tool.exe” was left out. Its type is not read here."
    assert second.startswith("The attachment “big.txt” was left out. “big.txt” is larger than")
    attached = message.attachments.get()
    assert attached.filename == "rules.txt"
    assert stored_files(media) == {f"{message.pk}.eml", f"{attached.pk}.txt"}


def test_a_full_disk_is_said(message, monkeypatch):
    def full(*args, **kwargs) -> None:
        raise StorageFull

    monkeypatch.setattr(attachments, "take_in", full)
    [warning] = attach(message, RULES)
    assert "rules.txt" in warning
    assert StorageFull().message in warning


def test_a_worker_that_lost_the_message_stores_nothing(message, media):
    lease = lease_on(message)
    Document.objects.update(lease_token=None)
    store_attachments(lease=lease, document=message, attachments=[RULES])
    assert not message.attachments.exists()
    assert stored_files(media) == {f"{message.pk}.eml"}


def test_a_name_that_is_a_path_is_harmless(message, media):
    attach(message, Attachment("../../etc/\u202epasswd.txt", b"x"))
    assert message.attachments.get().filename == "passwd.txt"
    assert {path.parent for path in media.rglob("*") if path.is_file()} == {media}


def test_messages_inside_messages_end_at_a_depth(message):
    nested = Attachment("inner.eml", b"Subject: a\n\nb\n")
    document = message
    for _ in range(attachments.DEEPEST):
        assert attach(document, nested) == []
        document = document.attachments.get()
    [warning] = attach(document, nested)
    assert "inside a message that came inside another" in warning
    assert not document.attachments.exists()


# --- sharing ------------------------------------------------------------------------------------


def test_it_is_shared_as_its_message_is_at_that_moment(upload, teammate, team, colleague):
    message = upload(filename="mail.eml", content=b"Subject: a\n\nb\n", owner=teammate)
    lease = lease_on(message)
    services.share_document(document=message, actor=teammate, visibility="teams", teams=[team])
    store_attachments(lease=lease, document=message, attachments=[RULES])
    attached = message.attachments.get()
    assert (attached.visibility, list(attached.teams.all())) == ("teams", [team])
    assert not Document.objects.visible_to(colleague).exists()


def test_sharing_the_message_shares_all_below_it_and_taking_it_back_too(
    message, attached, admin, colleague, teammate, team
):
    Document.objects.filter(pk=attached.pk).update(extension="eml")
    assert attach(attached, PLAN) == []
    everything = {message, attached, attached.attachments.get()}

    def seen_by(user):
        return set(Document.objects.visible_to(user))

    def share(visibility: str, *teams: Team) -> None:
        services.share_document(document=message, actor=admin, visibility=visibility, teams=teams)

    share("organization")
    assert seen_by(colleague) == everything
    share("teams", team)
    assert (seen_by(colleague), seen_by(teammate)) == (set(), everything)
    share("private")
    assert (seen_by(colleague), seen_by(teammate)) == (set(), set())


def test_an_attachment_cannot_be_shared_by_itself(attached, owner, api_as, page_as):
    with pytest.raises(Conflict):
        services.share_document(document=attached, actor=owner, visibility="organization")
    answer = api_as(owner).patch(
        f"/api/documents/{attached.pk}", {"visibility": "organization"}, format="json"
    )
    assert answer.status_code == 409
    attached.refresh_from_db()
    assert attached.visibility == "private"
    assert "Save sharing" not in page_as(owner).get(f"/documents/{attached.pk}").content.decode()


# --- deleting -----------------------------------------------------------------------------------


def test_a_deleted_message_takes_all_below_it(
    message, attached, admin, media, django_capture_on_commit_callbacks, upload
):
    attach(attached, PLAN)
    other = upload(filename="other.txt")
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_document(document=message, actor=admin)
    assert set(Document.objects.all()) == {other}
    assert stored_files(media) == {f"{other.pk}.txt"}
    deleted = AuditEvent.objects.filter(action="document.deleted")
    assert deleted.count() == 3


def test_what_comes_while_a_message_is_deleted_goes_with_it(message, admin, monkeypatch):
    doomed = services._doomed

    def then_attach(documents):
        rows = doomed(documents)
        attach(message, RULES)
        return rows

    monkeypatch.setattr(services, "_doomed", then_attach)
    services.delete_document(document=message, actor=admin)
    assert not Document.objects.exists()


def test_an_attachment_can_be_deleted_by_itself(message, attached, admin):
    services.delete_document(document=attached, actor=admin)
    assert set(Document.objects.all()) == {message}


# --- the same file by itself --------------------------------------------------------------------


def test_the_same_file_uploaded_by_itself_stays_when_the_message_goes(
    message, attached, upload, admin
):
    alone = upload(filename="rules.txt", content=RULES.content)
    services.delete_document(document=message, actor=admin)
    assert set(Document.objects.all()) == {alone}


# --- what is shown ------------------------------------------------------------------------------


def test_pages_link_both_ways_and_the_delete_page_says_what_goes(message, attached, admin, page_as):
    client = page_as(admin)
    above = client.get(f"/documents/{message.pk}").content.decode()
    below = client.get(f"/documents/{attached.pk}").content.decode()
    assert f'<a href="/documents/{attached.pk}">rules.txt</a>' in above
    assert f'<a href="/documents/{message.pk}">mail.eml</a>' in below
    asked = client.get(f"/documents/{message.pk}/delete").content.decode()
    assert "The 1 document that came with it as an attachment goes too." in asked
    assert "goes too" not in client.get(f"/documents/{attached.pk}/delete").content.decode()
    assert 'data-delete-with="1"' in client.get("/documents/").content.decode()


def test_the_api_names_both_ends(message, attached, owner, api_as):
    client = api_as(owner)
    above = client.get(f"/api/documents/{message.pk}").json()
    below = client.get(f"/api/documents/{attached.pk}").json()
    assert (above["attached_to"], above["attachments"]) == (None, [str(attached.pk)])
    assert (below["attached_to"], below["attachments"]) == (str(message.pk), [])
