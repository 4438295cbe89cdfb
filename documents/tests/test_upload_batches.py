"""Uploads of many files: announced, sent in parts, gone on with, seen by their owner and admins."""

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Team, User
from documents import services, uploads, versions
from documents.announced_files import Announced
from documents.models import Document, UploadBatch, UploadFile
from documents.upload_progress import progress_of
from documents.uploads import expect_files, open_batch, receive_file
from knowledge.lib.errors import NotAllowed, StorageFull, Unprocessable

pytestmark = pytest.mark.django_db
PageAs = Callable[[User], Client]


@pytest.fixture
def batch(owner: User) -> UploadBatch:
    return open_batch(owner=owner, name="policies", visibility="private")


def announce(batch: UploadBatch, *paths: str, **given: Any) -> list[int | None]:
    files = [Announced(path, len(path), 1) for path in paths]
    return expect_files(batch=batch, actor=batch.owner, files=files, **given)


def take(batch: UploadBatch, number: int, content: bytes = b"") -> UploadFile:
    content = content or f"File number {number}.".encode()
    file = SimpleUploadedFile("whatever", content)
    return receive_file(batch=batch, actor=batch.owner, number=number, file=file)


def send(client: Client, batch: UploadBatch, **files: bytes) -> Any:
    data: dict[str, Any] = {name: SimpleUploadedFile("x", files[name]) for name in files}
    data["sent"] = [name.removeprefix("file-") for name in files]
    return client.post(
        f"/documents/uploads/{batch.pk}/send", data, headers={"Accept": "application/json"}
    )


def test_each_file_becomes_a_document_named_as_in_the_folder(
    batch: UploadBatch, owner: User, page_as: PageAs
) -> None:
    assert announce(batch, "policies/leave.md", "policies/it/laptops.txt") == [1, 2]
    answer = send(page_as(owner), batch, **{"file-1": b"Leave.", "file-2": b"Laptops."})
    assert [file["state"] for file in answer.json()["files"]] == ["taken", "taken"]
    names = set(Document.objects.filter(sent_as__batch=batch).values_list("filename", flat=True))
    assert names == {"leave.md", "laptops.txt"}
    assert progress_of(batch).sent == progress_of(batch).total == 2


def test_documents_are_shared_as_was_chosen_for_all(owner: User, team: Team) -> None:
    team.memberships.create(user=owner)
    batch = open_batch(owner=owner, name="x", visibility="teams", teams=[team])
    announce(batch, "a.txt")
    document = take(batch, 1).document
    assert document is not None
    assert (document.visibility, list(document.teams.all())) == ("teams", [team])


def test_what_can_be_told_by_name_and_size_is_refused_before_it_is_sent(
    batch: UploadBatch, settings: Any
) -> None:
    settings.MAX_UPLOAD_BYTES = 20
    assert announce(batch, "a.txt", "tool.exe", "much-too-long-for-this.txt", "nothing") == [
        1,
        None,
        None,
        None,
    ]
    reasons = [file.reason for file in batch.files.failed()]
    assert "(.exe) are not read here" in reasons[0]
    assert "larger than 20 bytes" in reasons[1]
    assert reasons[2].startswith("Files of this kind are not read here")


def test_a_file_that_is_dropped_while_it_arrives_is_refused_and_the_others_are_taken(
    batch: UploadBatch, owner: User, page_as: PageAs, settings: Any
) -> None:
    announce(batch, "large.txt", "small.txt")
    settings.MAX_UPLOAD_BYTES = 20
    answer = send(page_as(owner), batch, **{"file-1": b"x" * 21, "file-2": b"y"})
    assert [file["state"] for file in answer.json()["files"]] == ["refused", "taken"]
    assert "“large.txt” is larger than 20 bytes" in answer.json()["files"][0]["reason"]


def test_a_file_whose_content_is_something_else_says_what_to_do(batch: UploadBatch) -> None:
    announce(batch, "report.pdf")
    row = take(batch, 1, b"\x00\x01\x02")
    assert (row.state, row.document) == ("refused", None)
    assert "save it again" in row.reason
    assert "Accepted are" not in row.reason


def test_a_file_that_the_browser_cannot_read_is_a_failure_with_a_reason(
    batch: UploadBatch, owner: User, page_as: PageAs
) -> None:
    announce(batch, "gone.txt")
    page_as(owner).post(f"/documents/uploads/{batch.pk}/send", {"unreadable": "1"})
    assert "could not read this file" in batch.files.failed().get().reason


def test_sending_the_same_once_more_changes_nothing(batch: UploadBatch) -> None:
    announce(batch, "a.txt")
    first = take(batch, 1, b"One.").document
    assert take(batch, 1, b"One.").document == first
    assert Document.objects.count() == 1


def test_an_answer_that_was_lost_is_found_again_by_its_bytes(batch: UploadBatch) -> None:
    announce(batch, "a.txt")
    take(batch, 1, b"One.")
    batch.files.update(state="waiting", document=None)  # the process died before it noted it
    assert take(batch, 1, b"One.").state == "taken"
    assert Document.objects.count() == 1


def test_what_was_there_before_is_recognised_and_not_counted_as_uploaded(
    batch: UploadBatch, upload: Any
) -> None:
    before = upload(b"Old.", "old.txt")
    Document.objects.update(created_at=timezone.now() - timezone.timedelta(days=1))
    announce(batch, "again.txt", "twice.txt")
    assert (take(batch, 1, b"Old.").state, take(batch, 2, b"Old.").state) == ("known", "known")
    assert batch.files.get(number=1).document == before
    assert progress_of(batch).known == 2


def test_going_on_asks_only_for_what_is_not_there(batch: UploadBatch) -> None:
    announce(batch, "a.txt", "b.txt", "c.exe", "d.txt")
    take(batch, 1)
    batch.files.filter(number=4).update(state="refused", reason="There was no room.")
    assert announce(batch, "a.txt", "b.txt", "c.exe", "d.txt", is_resumed=True) == [
        None,
        2,
        None,
        4,
    ]
    assert announce(batch, "stranger.txt", is_resumed=True) == [None]
    assert batch.files.count() == 4


def test_a_file_that_was_refused_and_has_changed_since_is_asked_for(
    batch: UploadBatch, settings: Any
) -> None:
    settings.MAX_UPLOAD_BYTES = 3
    assert announce(batch, "a.txt") == [None]
    shorter = [Announced("a.txt", 2, 5)]
    assert expect_files(batch=batch, actor=batch.owner, files=shorter, is_resumed=True) == [1]
    assert (progress_of(batch).failed, progress_of(batch).unsent) == (0, 1)


def test_a_failure_of_the_server_is_no_refusal_of_the_file(
    batch: UploadBatch, owner: User, page_as: PageAs, monkeypatch: Any
) -> None:
    def full(**_: Any) -> None:
        raise StorageFull

    announce(batch, "a.txt")
    monkeypatch.setattr(versions, "upload", full)
    assert send(page_as(owner), batch, **{"file-1": b"One."}).status_code == 507
    assert batch.files.get().state == "waiting"


def test_an_upload_has_a_limit_of_files(batch: UploadBatch, settings: Any) -> None:
    settings.MAX_BATCH_FILES = 2
    announce(batch, "a.txt", "b.txt")
    announce(batch, "a.txt")
    with pytest.raises(Unprocessable, match="More than 2 files") as refused:
        announce(batch, "c.txt")
    assert refused.value.details["limit_name"] == "MAX_BATCH_FILES"
    assert batch.files.count() == 2


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"files": 1}', b'{"files": [{"path": "a"}]}',
     json.dumps({"files": [{"path": "a", "size": "1", "modified": 1}]}).encode(),
     json.dumps({"files": [{"path": "a", "size": 1, "modified": 1}] * 501}).encode()],
)  # fmt: skip
def test_nonsense_is_refused(batch: UploadBatch, owner: User, page_as: PageAs, body: bytes) -> None:
    client = page_as(owner)
    address = f"/documents/uploads/{batch.pk}/files"
    answer = client.post(address, body, content_type="application/json")
    assert answer.status_code == 400
    assert batch.files.count() == 0


@pytest.mark.parametrize(
    ("path", "shown", "name"),
    [
        ("../../etc/passwd.txt", "etc/passwd.txt", "passwd.txt"),
        ("C:\\reports\\year.txt", "C:/reports/year.txt", "year.txt"),
        ("a\nb.txt", "a b.txt", "a b.txt"),
        ("a\x00b.txt", "ab.txt", "ab.txt"),
        ("photo\u202etxt.exe.txt", "phototxt.exe.txt", "phototxt.exe.txt"),
        ("half \ud83d.txt", "half .txt", "half .txt"),
        ("🦉 notes.txt", "🦉 notes.txt", "🦉 notes.txt"),
        ("שלום/קובץ.txt", "שלום/קובץ.txt", "קובץ.txt"),
        ("x" * 500 + ".txt", "x" * 251 + ".txt", "x" * 251 + ".txt"),
    ],
)
def test_whatever_a_file_is_called_it_is_harmless_and_shown_right(
    batch: UploadBatch, owner: User, page_as: PageAs, media: Any, path: str, shown: str, name: str
) -> None:
    client = page_as(owner)
    body = {"files": [{"path": path, "size": 5, "modified": 0}]}
    answer = client.post(
        f"/documents/uploads/{batch.pk}/files", json.dumps(body), content_type="application/json"
    )
    assert answer.json() == {"numbers": [1]}
    row = take(batch, 1)
    assert row.document is not None
    assert (row.path, row.document.filename) == (shown, name)
    assert [file.name for file in media.rglob("*.txt")] == [f"{row.document.pk}.txt"]
    assert shown in client.get(f"/documents/uploads/{batch.pk}").content.decode()


def test_files_of_a_path_that_looks_alike_are_two(batch: UploadBatch) -> None:
    assert announce(batch, "a.txt", "a\u202e.txt", "a.txt") == [1, 2, 1]
    assert batch.files.count() == 2


def test_only_its_owner_and_admins_see_an_upload_and_only_the_owner_sends(
    batch: UploadBatch, owner: User, colleague: User, admin: User, outsider: User,
    outside_admin: User,
) -> None:  # fmt: skip
    people = (owner, colleague, admin, outsider, outside_admin)
    seeing = {person for person in people if UploadBatch.objects.visible_to(person).exists()}
    assert seeing == {owner, admin}
    announce(batch, "a.txt")
    with pytest.raises(NotAllowed):
        receive_file(batch=batch, actor=admin, number=1, file=None)
    with pytest.raises(NotAllowed):
        expect_files(batch=batch, actor=admin, files=[Announced("b.txt", 1, 1)])


def test_the_page_lists_failures_of_both_kinds_and_what_was_not_sent(
    batch: UploadBatch, owner: User, page_as: PageAs
) -> None:
    announce(batch, "read.txt", "tool.exe", "broken.txt", "later.txt")
    take(batch, 1)
    take(batch, 3)
    Document.objects.filter(filename="read.txt").update(status="completed")
    broken = Document.objects.filter(filename="broken.txt")
    broken.update(status="failed", error_message="It is damaged.")
    UploadBatch.objects.update(last_sent_at=timezone.now() - timezone.timedelta(minutes=2))
    said = page_as(owner).get(f"/documents/uploads/{batch.pk}").content.decode()
    assert "2 failed" in said
    assert "It is damaged." in said
    assert "(.exe) are not read here" in said
    assert "1 file not sent" in said
    assert "later.txt" in said
    assert "every 2s" not in said
    progress = progress_of(batch.__class__.objects.get())
    counts = (progress.sent, progress.ready, progress.failed, progress.left)
    assert counts == (3, 1, 2, 1)


def test_the_page_asks_again_only_while_something_changes(
    batch: UploadBatch, owner: User, page_as: PageAs
) -> None:
    announce(batch, "a.txt")
    take(batch, 1)
    client, address = page_as(owner), f"/documents/uploads/{batch.pk}"
    assert "every 2s" in client.get(address).content.decode()
    Document.objects.update(status="completed")
    assert "every 2s" not in client.get(address).content.decode()


def test_time_left_is_told_from_the_pace_of_the_last_minutes(batch: UploadBatch) -> None:
    announce(batch, *(f"{number}.txt" for number in range(12)))
    for number in range(1, 13):
        take(batch, number)
    assert progress_of(batch).time_left == ""
    UploadBatch.objects.update(created_at=timezone.now() - timezone.timedelta(days=1))
    done = Document.objects.filter(pk__in=[one.pk for one in Document.objects.all()[:3]])
    done.update(status="completed", completed_at=timezone.now())
    # Three within the last three minutes, nine to come.
    assert progress_of(UploadBatch.objects.get()).time_left in (
        "about 9 minutes",
        "about 10 minutes",
    )


def test_retry_all_starts_what_failed_while_it_was_read(
    batch: UploadBatch, owner: User, page_as: PageAs
) -> None:
    announce(batch, "a.txt", "b.txt")
    take(batch, 1)
    Document.objects.update(status="failed", error_message="No.")
    answer = page_as(owner).post(
        f"/documents/uploads/{batch.pk}/retry", headers={"HX-Request": "true"}
    )
    assert "1 document will be tried again" in answer.headers["HX-Trigger"]
    assert [d.status for d in Document.objects.all()] == ["uploaded"]


def test_a_file_that_became_a_next_version_is_as_far_as_that_is(
    batch: UploadBatch, owner: User, page_as: PageAs, upload: Any
) -> None:
    handbook = upload(content=b"The rules of last year.", filename="rules.txt")
    before = timezone.now() - datetime.timedelta(hours=1)
    Document.objects.filter(pk=handbook.pk).update(status="completed", created_at=before)
    UploadBatch.objects.filter(pk=batch.pk).update(on_same_name="version")
    batch.refresh_from_db()
    announce(batch, "rules.txt")
    take(batch, 1, b"The rules of this year.")
    draft = Document.objects.get(version_of=handbook)
    seen = progress_of(batch)
    assert (seen.ready, seen.in_progress, seen.failed) == (0, 1, 0)
    Document.objects.filter(pk=draft.pk).update(status="failed", error_message="Not this one.")
    seen = progress_of(batch)
    assert (seen.ready, seen.failed, seen.unread) == (0, 1, 1)
    page = page_as(owner)
    assert "Not this one." in page.get(f"/documents/uploads/{batch.pk}").content.decode()
    page.post(f"/documents/uploads/{batch.pk}/retry")
    draft.refresh_from_db()
    assert draft.status == "uploaded"
    retried = AuditEvent.objects.get(action="document.retried")
    assert retried.object_id == str(handbook.pk)


@pytest.mark.parametrize("state", ["taken", "known"])
@pytest.mark.parametrize("hours", [-1, 1])
def test_a_list_tells_of_each_file_what_the_counts_do(
    batch: UploadBatch, upload: Any, state: str, hours: int
) -> None:
    """A next version counts where this upload sent it: not where it waited before."""
    handbook = upload(content=b"The rules of last year.", filename="rules.txt")
    Document.objects.filter(pk=handbook.pk).update(status="completed")
    draft = upload(content=b"The rules of next year.", filename="rules of next year.txt")
    came = batch.created_at + datetime.timedelta(hours=hours)
    Document.objects.filter(pk=draft.pk).update(
        status="failed", version_of=handbook, created_at=came, error_message="Not this one."
    )
    announce(batch, "rules.txt")
    batch.files.update(state=state, document=handbook)
    is_draft = state == "taken" and hours > 0
    [row] = batch.files.with_became()
    assert row.became.pk == (draft if is_draft else handbook).pk
    assert batch.files.counts() == [(state, row.became.status, 1)]
    assert [file.said for file in batch.files.failed()] == ["Not this one."] * is_draft


def test_an_upload_goes_with_its_last_document(batch: UploadBatch, admin: User) -> None:
    announce(batch, "a.txt", "b.txt")
    first, second = take(batch, 1).document, take(batch, 2).document
    assert first is not None
    assert second is not None
    services.delete_document(document=first, actor=admin)
    assert progress_of(batch).total == 1
    services.delete_document(document=second, actor=admin)
    assert not UploadBatch.objects.exists()


def test_old_uploads_are_forgotten_and_their_documents_stay(
    owner: User, batch: UploadBatch
) -> None:
    announce(batch, "a.txt")
    take(batch, 1)
    UploadBatch.objects.update(last_sent_at=timezone.now() - timezone.timedelta(days=31))
    new = open_batch(owner=owner, name="new", visibility="private")
    assert uploads.forget_old_batches() == 1
    assert list(UploadBatch.objects.all()) == [new]
    assert Document.objects.count() == 1


def test_a_person_keeps_so_many_uploads(owner: User, monkeypatch: Any) -> None:
    monkeypatch.setattr(uploads, "_KEPT_BATCHES", 2)
    for name in "abc":
        open_batch(owner=owner, name=name, visibility="private")
    assert [batch.name for batch in UploadBatch.objects.all()] == ["c", "b"]


def test_the_upload_page_lists_the_persons_own_latest_uploads(
    batch: UploadBatch, owner: User, admin: User, page_as: PageAs
) -> None:
    announce(batch, "a.txt", "b.exe")
    assert "0 of 2 ready, 1 failed" in page_as(owner).get("/documents/upload").content.decode()
    assert "policies" not in page_as(admin).get("/documents/upload").content.decode()
