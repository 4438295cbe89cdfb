"""`manage.py ingest` uploads files and folders, says what failed and why, and exits with it."""

import io
import json
import os
import shutil

import pytest
from django.core.management import CommandError, call_command

from documents.models import Document, DocumentVersion
from documents.versions import put_in_force

pytestmark = pytest.mark.django_db


def ingest_stand_in(document_id: str) -> None:
    """Stands in for the ingestion task: a file that says "bad" fails."""
    document = Document.objects.get(pk=document_id)
    with document.file.open() as file:
        bad = b"bad" in file.read()
    if document.version_of_id and not bad:
        put_in_force(document, document.version_of, title="", page_count=1, chunk_count=3)
        return
    Document.objects.filter(pk=document_id).update(
        status="failed" if bad else "completed",
        error_message="It is bad." if bad else "",
        chunk_count=0 if bad else 3,
    )


@pytest.fixture(autouse=True)
def stand_in(settings):
    settings.INGESTION_TASK = f"{__name__}.ingest_stand_in"


def run(*args: str) -> tuple[str, int]:
    out = io.StringIO()
    try:
        call_command("ingest", *args, stdout=out)
    except SystemExit as stop:
        return out.getvalue(), int(str(stop.code))
    return out.getvalue(), 0


def test_a_folder_is_taken_in_order_and_what_is_no_document_is_skipped(admin, tmp_path):
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name in ("b.txt", "a.MD", "deep/c.csv", "tool.exe", ".git/x.txt", ".hidden.txt"):
        (folder / name).write_text(f"some, {name}")
    out, code = run(str(folder))
    assert code == 0, out
    documents = Document.objects.order_by("created_at")
    assert [d.filename for d in documents] == ["a.MD", "b.txt", "c.csv"]
    assert {(d.uploaded_by, d.visibility, d.status) for d in documents} == {
        (admin, "private", "completed")
    }
    assert "3 completed (9 passages), 0 failed, 1 skipped." in out
    assert "tool.exe: .exe is not accepted" in out


def test_failures_are_named_with_their_reason_and_set_the_exit_code(admin, tmp_path):
    for name, text in [("good.txt", "good"), ("bad.txt", "bad"), ("evil.exe", "MZ")]:
        (tmp_path / name).write_text(text)
    out, code = run(*(str(tmp_path / n) for n in ("good.txt", "bad.txt", "evil.exe")))
    assert code == 1
    assert "bad.txt: It is bad." in out
    assert "evil.exe: " in out
    assert "1 completed (3 passages), 2 failed, 0 skipped." in out


def test_json_is_for_scripts(admin, tmp_path):
    (tmp_path / "a.txt").write_text("good")
    out, code = run("--json", "-", str(tmp_path))
    assert code == 0
    (file,) = json.loads(out)["files"]
    assert (file["outcome"], file["status"]) == ("created", "completed")
    assert file["document_id"] == str(Document.objects.get().pk)


def test_owner_visibility_and_queue_are_chosen(admin, owner, tmp_path):
    (tmp_path / "a.txt").write_text("good")
    out, code = run(
        "--user", "OWNER@acme.test", "--visibility", "organization", "--queue", str(tmp_path)
    )
    assert code == 0
    document = Document.objects.get()
    assert (document.uploaded_by, document.visibility) == (owner, "organization")
    assert document.status == "uploaded"
    assert "1 left to the worker" in out


def test_it_asks_for_an_owner_when_there_are_several_organizations(admin, outside_admin, tmp_path):
    with pytest.raises(CommandError, match="--user"):
        call_command("ingest", str(tmp_path))
    with pytest.raises(CommandError, match="no active user"):
        call_command("ingest", "--user", "nobody@acme.test", str(tmp_path))


def test_a_path_that_is_not_there_is_named(admin):
    with pytest.raises(CommandError, match="does not exist"):
        call_command("ingest", "/nowhere/at/all")


# --- again and again ----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "share"
    (made / "deep").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "deep/a.txt"):
        (made / name).write_text(f"The first {name}.")
    return made


def report(*args: str) -> tuple[dict[str, str], int]:
    """Return what became of each file, by its name inside the folder, and the exit code."""
    out, code = run("--json", "-", *args)
    files = json.loads(out)["files"]
    return {file["path"].rpartition("share/")[2]: file["outcome"] for file in files}, code


def test_a_folder_is_kept_as_documents(admin, folder):
    everything = {"a.txt", "b.txt", "deep/a.txt"}
    assert report(str(folder)) == (dict.fromkeys(everything, "created"), 0)
    keys = set(Document.objects.values_list("pk", flat=True))
    assert report(str(folder)) == (dict.fromkeys(everything, "unchanged"), 0)

    (folder / "a.txt").write_text("The second a.txt.")
    (folder / "b.txt").rename(folder / "c.txt")
    (folder / "deep/a.txt").unlink()
    (folder / "deep/d.txt").write_text("A new one.")
    planned = {"a.txt": "new_version", "c.txt": "moved", "deep/d.txt": "created"}
    deleted = planned | {"deep/a.txt": "deleted"}
    before = list(Document.objects.order_by("pk").values())
    assert report("--dry-run", "--delete-missing", str(folder)) == (deleted, 0)
    assert list(Document.objects.order_by("pk").values()) == before

    assert report(str(folder)) == (planned, 0)
    assert Document.objects.without_drafts().count() == 4
    assert DocumentVersion.objects.get().document.filename == "a.txt"
    kept = dict.fromkeys(planned, "unchanged")
    assert report("--delete-missing", str(folder)) == (kept | {"deep/a.txt": "deleted"}, 0)
    assert report("--delete-missing", str(folder)) == (kept, 0)
    assert len(keys & set(Document.objects.values_list("pk", flat=True))) == 2


def test_what_came_from_elsewhere_or_from_others_is_never_deleted(
    admin, owner, outside_admin, folder, upload, tmp_path
):
    other = tmp_path / "share2"
    other.mkdir()
    (other / "x.txt").write_text("Of another folder.")
    run("--user", admin.email, str(other))
    run("--user", owner.email, str(folder))
    run("--user", outside_admin.email, str(folder))
    by_hand = upload(owner=admin, content=b"The first b.txt.", filename="b.txt")
    found, _ = report("--user", admin.email, str(folder))
    assert found == {"a.txt": "created", "b.txt": "duplicate", "deep/a.txt": "created"}
    mine = set(Document.objects.filter(uploaded_by=admin, source__contains="/share/"))
    for file in ("a.txt", "b.txt", "deep/a.txt"):
        (folder / file).unlink()
    (other / "x.txt").unlink()
    args = ("--user", admin.email, "--delete-missing", "--yes", str(folder))
    assert set(report(*args)[0].values()) == {"deleted"}
    left = set(Document.objects.all())
    assert by_hand in left
    assert not mine & left
    assert {d.uploaded_by for d in left} == {admin, owner, outside_admin}
    assert Document.objects.filter(source=str(other / "x.txt")).exists()


def test_an_empty_or_unreadable_folder_deletes_nothing(admin, folder):
    run(str(folder))
    (folder / "deep").chmod(0)
    try:
        if not os.access(folder / "deep", os.R_OK):  # root may read anything
            found, code = report("--delete-missing", str(folder))
            assert (code, "deleted" in found.values()) == (1, False)
    finally:
        (folder / "deep").chmod(0o700)
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(CommandError, match="--yes") as refused:
        call_command("ingest", "--delete-missing", str(folder))
    assert refused.value.returncode == 2
    assert Document.objects.count() == 3


@pytest.mark.parametrize(
    "arguments", [["--wait"], ["--user", "owner@acme.test", "--delete-missing"]]
)
def test_wrong_use_is_told_apart(admin, owner, folder, arguments):
    with pytest.raises(CommandError) as refused:
        call_command("ingest", *arguments, str(folder))
    assert refused.value.returncode == 2


def test_a_version_that_fails_is_told_each_time_until_its_file_is_mended(admin, folder):
    run(str(folder))
    (folder / "a.txt").write_text("It is bad.")
    for _ in range(2):
        found, code = report(str(folder))
        assert (found["a.txt"], code) == ("failed", 1)
    (folder / "a.txt").write_text("The first a.txt.")
    assert report(str(folder)) == (dict.fromkeys(["a.txt", "b.txt", "deep/a.txt"], "unchanged"), 0)
    assert not Document.objects.exclude(version_of=None).exists()


def test_a_message_with_other_contents_is_another_document(admin, folder):
    message = folder / "m.eml"
    message.write_text("From: a@b.test\nSubject: One\n\nThe first.")
    run(str(folder))
    message.write_text("From: a@b.test\nSubject: Two\n\nThe second.")
    assert report(str(folder))[0]["m.eml"] == "created"
    assert Document.objects.filter(filename="m.eml").count() == 2
    run("--delete-missing", str(folder))
    assert b"Subject: Two" in Document.objects.get(filename="m.eml").file.open().read()


def test_new_documents_are_sorted_and_the_report_is_a_file(admin, folder, tmp_path):
    place = tmp_path / "report.json"
    out, code = run(
        *("--collection", "Share", "--tag", "a", "--tag", "b", "--json", str(place)), str(folder)
    )
    assert (out, code) == ("", 0)
    assert json.loads(place.read_text())["counts"]["created"] == 3
    for document in Document.objects.all():
        assert document.collection == "Share"
        assert [tag.name for tag in document.tags.all()] == ["a", "b"]


def test_the_worker_is_waited_for(admin, folder, monkeypatch):
    run("--queue", str(folder))
    assert set(Document.objects.values_list("status", flat=True)) == {"uploaded"}
    slept = []

    def work(seconds: float) -> None:
        slept.append(seconds)
        for key in Document.objects.filter(status="uploaded").values_list("pk", flat=True)[:1]:
            ingest_stand_in(str(key))

    monkeypatch.setattr("documents.folder_ingestion.time.sleep", work)
    out, code = run("--queue", "--wait", str(folder))
    assert code == 0
    assert len(slept) == 3
    assert "3 unchanged" in out
