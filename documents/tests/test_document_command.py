"""`manage.py ingest` uploads files and folders, says what failed and why, and exits with it."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from documents.models import Document

pytestmark = pytest.mark.django_db


def ingest_stand_in(document_id: str) -> None:
    """Stands in for the ingestion task: a file that says "bad" fails."""
    document = Document.objects.get(pk=document_id)
    with document.file.open() as file:
        bad = b"bad" in file.read()
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
    out, code = run("--json", str(tmp_path))
    assert code == 0
    (document,) = json.loads(out)["documents"]
    assert document["status"] == "completed"
    assert document["document_id"] == str(Document.objects.get().pk)


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
