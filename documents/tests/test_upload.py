"""An accepted upload is stored, recorded and rung for; a refused one leaves nothing."""

import hashlib
import io
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import MemoryFileUploadHandler, TemporaryFileUploadHandler
from django.db import DatabaseError

from accounts.models import AuditEvent, Team
from documents import files, intake, tasks
from documents.models import Document, FileDeletion
from documents.tests.conftest import stored_files
from documents.upload_limit import UnnamedFileUploadHandler
from knowledge.lib.errors import InvalidInput, NotAllowed, TooLarge, Unavailable, UnsupportedType

pytestmark = pytest.mark.django_db


def test_upload_stores_the_file_under_its_id_and_describes_it(upload, owner, media):
    content = b"Trains are booked a week ahead.\n"
    document = upload(content, "Travel policy.txt")

    document.refresh_from_db()
    assert document.organization == owner.organization
    assert document.uploaded_by == owner
    assert (document.filename, document.extension) == ("Travel policy.txt", "txt")
    assert (document.size, document.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (document.status, document.visibility) == ("uploaded", "private")
    assert document.file.name == f"{document.pk}.txt"
    assert (media / f"{document.pk}.txt").read_bytes() == content
    assert not FileDeletion.objects.exists()


def test_upload_is_in_the_audit_trail(upload, owner):
    document = upload()
    event = AuditEvent.objects.get(action="document.uploaded")
    assert (event.actor, event.object_id) == (owner, str(document.pk))
    assert event.organization == owner.organization


def test_upload_rings_after_the_commit(upload, monkeypatch, django_capture_on_commit_callbacks):
    rung: list[uuid.UUID] = []
    monkeypatch.setattr(intake, "enqueue_ingestion", rung.append)
    with django_capture_on_commit_callbacks() as callbacks:
        document = upload()
    assert rung == []
    for callback in callbacks:
        callback()
    assert rung == [document.pk]


@pytest.mark.django_db(transaction=True)
def test_a_queue_that_is_away_does_not_fail_the_upload(upload, monkeypatch):
    def away(*args: Any) -> None:
        raise DatabaseError("no queue")

    monkeypatch.setattr(intake, "async_task", away)
    document = upload()
    # What the sweeper looks for is there.
    assert Document.objects.in_progress().get() == document


def test_a_file_over_the_limit_is_refused_and_removed(upload, settings, media):
    settings.MAX_UPLOAD_BYTES = 1000
    upload(b"x" * 1000)
    with pytest.raises(TooLarge) as refused:
        upload(b"x" * 1001, "big.txt")
    assert "big.txt" in refused.value.message
    assert refused.value.details == {"limit_bytes": 1000, "limit_name": "MAX_UPLOAD_BYTES"}
    assert len(stored_files(media)) == Document.objects.count() == 1
    assert not FileDeletion.objects.exists()


def test_a_type_that_is_not_accepted_is_refused_before_anything_is_stored(upload, media):
    with pytest.raises(UnsupportedType):
        upload(b"MZ\x90\x00", "setup.exe")
    assert stored_files(media) == set()
    assert not Document.objects.exists()


def test_an_empty_file_is_accepted_for_ingestion_to_explain(upload):
    assert upload(b"", "empty.txt").size == 0


def test_a_failed_row_takes_its_file_with_it(upload, media, monkeypatch):
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no trail")

    monkeypatch.setattr(intake.audit, "record", broken)
    with pytest.raises(RuntimeError):
        upload()
    assert stored_files(media) == set()
    assert not Document.objects.exists()
    assert not FileDeletion.objects.exists()


def test_a_crash_between_file_and_row_is_swept_but_not_while_an_upload_may_still_run(
    media, settings, monkeypatch
):
    reservation = files.Reservation("half.txt")
    reservation.write(io.BytesIO(b"half"), filename="half.txt")  # ... and the process is gone

    assert tasks.remove_deleted_files() == 0
    assert stored_files(media) == {"half.txt"}

    later = files.timezone.now() + files.RESERVATION
    monkeypatch.setattr(files.timezone, "now", lambda: later)
    assert tasks.remove_deleted_files() == 1
    assert stored_files(media) == set()
    assert not FileDeletion.objects.exists()


def test_an_upload_that_outlived_its_reservation_is_refused(owner, media, monkeypatch, upload):
    real_write = files.Reservation.write

    def slow_write(self: files.Reservation, *args: Any, **kwargs: Any) -> files.StoredFile:
        later = files.timezone.now() + files.RESERVATION
        with monkeypatch.context() as patched:
            patched.setattr(files.timezone, "now", lambda: later)
            tasks.remove_deleted_files()
        return real_write(self, *args, **kwargs)

    monkeypatch.setattr(files.Reservation, "write", slow_write)
    with pytest.raises(Unavailable):
        upload()
    assert stored_files(media) == set()
    assert not Document.objects.exists()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\me\\plan.txt", "plan.txt"),
        ("a\x00b\r\nc.txt", "ab c.txt"),
        ("invoice\u202etxt.exe.txt", "invoicetxt.exe.txt"),
        ("\u2066\u200fplan\ufeff.txt", "plan.txt"),
        ("  spaces \t in\u2028it.txt ", "spaces in it.txt"),
        ("Über  uns — 計画.txt", "Über uns — 計画.txt"),
        ("e\u0301.txt", "é.txt"),
        ("n" * 300 + ".txt", "n" * 251 + ".txt"),
        ("<img src=x>.txt", "<img src=x>.txt"),
    ],
)
def test_a_file_name_is_cleaned_for_display_and_is_never_a_path(upload, media, given, shown):
    document = upload(filename=given)
    assert document.filename == shown
    assert stored_files(media) == {f"{document.pk}.txt"}
    assert {path.parent for path in media.rglob("*") if path.is_file()} == {media}


def test_a_person_of_no_organization_cannot_upload(upload, owner):
    owner.organization = None
    with pytest.raises(NotAllowed):
        upload(owner=owner)


def test_teams_and_visibility_must_fit(upload, teammate, team, other_organization):
    foreign = Team.objects.create(name="Spies", organization=other_organization)
    for visibility, teams in [
        ("teams", []),
        ("private", [team]),
        ("teams", [foreign]),
        ("everyone", []),
    ]:
        with pytest.raises(InvalidInput):
            upload(owner=teammate, visibility=visibility, teams=teams)
    assert upload(owner=teammate, visibility="teams", teams=[team]).teams.get() == team


def test_a_team_of_which_one_is_no_member_cannot_be_chosen(upload, owner, team, admin):
    with pytest.raises(InvalidInput):
        upload(owner=owner, visibility="teams", teams=[team])
    assert upload(owner=admin, visibility="teams", teams=[team]).teams.get() == team


# --- the API ------------------------------------------------------------------------------------


def test_the_api_answers_an_upload_at_once(api_as, owner):
    file = SimpleUploadedFile("plan.txt", b"The plan.")
    answer = api_as(owner).post("/api/documents", {"file": file}, format="multipart")
    assert answer.status_code == 201, answer.content
    assert answer.json() == {
        "id": str(Document.objects.get().pk),
        "filename": "plan.txt",
        "description": "",
        "tags": [],
        "collection": "",
        "content_type": "text/plain",
        "size": 9,
        "sha256": hashlib.sha256(b"The plan.").hexdigest(),
        "version": 1,
        "new_version": None,
        "status": "uploaded",
        "stage": "",
        "progress": 0,
        "error_message": "",
        "warnings": [],
        "chunk_count": 0,
        "visibility": "private",
        "teams": [],
        "uploaded_by": str(owner.pk),
        "attached_to": None,
        "attachments": [],
        "created_at": answer.json()["created_at"],
        "completed_at": None,
        "same_name": None,
    }


def test_the_api_takes_visibility_and_teams(api_as, teammate, team):
    file = SimpleUploadedFile("plan.txt", b"The plan.")
    given = {"file": file, "visibility": "teams", "teams": [str(team.pk)]}
    answer = api_as(teammate).post("/api/documents", given, format="multipart")
    assert answer.status_code == 201, answer.content
    assert (answer.json()["visibility"], answer.json()["teams"]) == ("teams", [str(team.pk)])


def test_the_api_refuses_a_foreign_team_like_one_that_does_not_exist(
    api_as, owner, other_organization
):
    foreign = Team.objects.create(name="Spies", organization=other_organization)
    bodies = []
    for key in (foreign.pk, uuid.uuid4()):
        given = {"file": SimpleUploadedFile("a.txt", b"a"), "visibility": "teams", "teams": [key]}
        answer = api_as(owner).post("/api/documents", given, format="multipart")
        assert answer.status_code == 400
        bodies.append(answer.content.decode().replace(str(key), "KEY"))
    assert bodies[0] == bodies[1]
    assert not Document.objects.exists()


def test_the_api_says_413_with_the_limit(api_as, owner, settings, media):
    settings.MAX_UPLOAD_BYTES = 100_000
    file = SimpleUploadedFile("big.txt", b"x" * 100_001)
    answer = api_as(owner).post("/api/documents", {"file": file}, format="multipart")
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"
    details = answer.json()["error"]["details"]
    assert details == {"limit_bytes": 100_000, "limit_name": "MAX_UPLOAD_BYTES"}
    assert stored_files(media) == set()


def test_what_passes_the_limit_is_dropped_while_it_arrives(api_as, owner, settings, monkeypatch):
    settings.MAX_UPLOAD_BYTES = 100_000
    kept = []

    def keep(self: MemoryFileUploadHandler, raw_data: bytes, start: int) -> bytes:
        kept.append(len(raw_data))
        return raw_data

    monkeypatch.setattr(MemoryFileUploadHandler, "receive_data_chunk", keep)
    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", keep)
    file = SimpleUploadedFile("big.txt", b"x" * 5_000_000)
    answer = api_as(owner).post("/api/documents", {"file": file}, format="multipart")
    assert answer.status_code == 413
    assert 0 < sum(kept) <= 2 * 100_000  # one chunk for each of the two handlers


def test_a_large_file_is_received_without_a_name(api_as, owner, settings, monkeypatch, tmp_path):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    received = []

    def complete(self: UnnamedFileUploadHandler, file_size: int) -> Any:
        received.append((file_size, list(tmp_path.iterdir())))
        return TemporaryFileUploadHandler.file_complete(self, file_size)

    monkeypatch.setattr(UnnamedFileUploadHandler, "file_complete", complete)
    content = b"It is a long story. " * 200_000
    file = SimpleUploadedFile("big.txt", content)
    answer = api_as(owner).post("/api/documents", {"file": file}, format="multipart")
    assert answer.status_code == 201
    assert answer.json()["sha256"] == hashlib.sha256(content).hexdigest()
    assert received == [(len(content), [])]


def test_the_api_says_415_with_what_is_accepted(api_as, owner):
    file = SimpleUploadedFile("setup.exe", b"MZ\x90\x00")
    answer = api_as(owner).post("/api/documents", {"file": file}, format="multipart")
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_type"
    assert "pdf" in answer.content.decode().lower()


def test_the_api_wants_a_file_and_a_signed_in_user(api_as, owner):
    assert api_as(owner).post("/api/documents", {}, format="multipart").status_code == 400
    assert api_as(None).post("/api/documents", {}, format="multipart").status_code == 401


# --- the page -----------------------------------------------------------------------------------


def test_the_page_takes_several_files_and_names_the_bad_ones(page_as, owner, settings):
    settings.MAX_UPLOAD_BYTES = 50_000
    chosen = [
        SimpleUploadedFile("a.txt", b"a"),
        SimpleUploadedFile("evil.exe", b"MZ"),
        SimpleUploadedFile("b.md", b"# b"),
        SimpleUploadedFile("huge.txt", b"x" * 50_001),
    ]
    answer = page_as(owner).post("/documents/upload", {"file": chosen, "visibility": "private"})
    assert answer.status_code == 422
    assert {d.filename for d in Document.objects.all()} == {"a.txt", "b.md"}
    text = answer.content.decode()
    assert "evil.exe" in text
    assert "huge.txt" in text


def test_the_page_leads_to_the_list_when_all_is_well(page_as, owner):
    chosen = [SimpleUploadedFile("a.txt", b"a"), SimpleUploadedFile("b.txt", b"b")]
    answer = page_as(owner).post(
        "/documents/upload", {"file": chosen, "visibility": "organization"}, follow=True
    )
    assert answer.redirect_chain == [("/documents/", 302)]
    assert "2 files were uploaded." in answer.content.decode()
    assert set(Document.objects.values_list("visibility", flat=True)) == {"organization"}


def test_the_page_says_what_is_missing(page_as, owner):
    answer = page_as(owner).post("/documents/upload", {"visibility": "teams"})
    assert answer.status_code == 422
    assert "Choose at least one file." in answer.content.decode()
    assert "Choose at least one team." in answer.content.decode()
