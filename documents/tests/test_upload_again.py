"""The same bytes by the same person become one document; who sends them again is led to it."""

import io
import threading

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from accounts.models import AuditEvent
from documents import services
from documents.exceptions import AlreadyUploaded
from documents.models import Document, FileDeletion
from documents.tests.conftest import stored_files
from documents.tests.test_document_command import ingest_stand_in, run
from knowledge.lib import faults
from knowledge.lib.errors import Conflict
from knowledge.lib.faults import FaultPoint

pytestmark = pytest.mark.django_db

PLAN = b"The plan."


def send(owner, filename: str = "plan.txt", content: bytes = PLAN, **given) -> Document:
    return services.upload_document(
        owner=owner, file=io.BytesIO(content), filename=filename, **given
    )


def test_the_same_bytes_under_any_name_lead_to_the_document_that_is_there(owner, media):
    first = send(owner)
    with pytest.raises(AlreadyUploaded) as refused:
        send(owner, "renamed.txt", visibility="organization")
    assert refused.value.document == first
    assert refused.value.details == {"document_id": str(first.pk)}
    assert Document.objects.get().visibility == "private"
    assert stored_files(media) == {f"{first.pk}.txt"}
    assert not FileDeletion.objects.exists()
    assert AuditEvent.objects.filter(action="document.uploaded").count() == 1


def test_other_bytes_and_other_people_have_documents_of_their_own(owner, colleague, outsider):
    documents = {send(owner), send(owner, content=b"Other."), send(colleague), send(outsider)}
    assert set(Document.objects.all()) == documents
    assert len(documents) == 4


def test_after_a_failure_or_a_delete_the_file_is_taken_anew(owner, admin):
    first = send(owner)
    Document.objects.update(status="failed")
    second = send(owner)
    assert first != second
    with pytest.raises(Conflict, match="uploaded again since"):
        services.retry_document(document=first, actor=owner)
    services.delete_document(document=second, actor=admin)
    assert send(owner) not in (first, second)


def test_a_failed_one_that_was_not_uploaded_again_can_be_retried(owner):
    document = send(owner)
    Document.objects.update(status="failed")
    assert services.retry_document(document=document, actor=owner).status == "uploaded"


@pytest.mark.django_db(transaction=True)
def test_of_equal_uploads_at_the_same_time_one_stays(owner, media):
    at_once = threading.Barrier(3, timeout=20)

    def meet(point: FaultPoint) -> None:
        if point == FaultPoint.UPLOAD_FILE_STORED:
            at_once.wait()  # each has its file, and nobody a row

    outcomes: list[object] = []

    def upload() -> None:
        try:
            outcomes.append(send(owner))
        except AlreadyUploaded as known:
            outcomes.append(known.document)
        finally:
            connection.close()

    threads = [threading.Thread(target=upload) for _ in range(3)]
    faults.arm(meet)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    finally:
        faults.arm(None)
    document = Document.objects.get()
    assert outcomes == [document] * 3
    assert stored_files(media) == {f"{document.pk}.txt"}


def test_the_api_answers_200_with_the_document_as_it_is(api_as, owner):
    client = api_as(owner)

    def post(filename: str, visibility: str):
        given = {"file": SimpleUploadedFile(filename, PLAN), "visibility": visibility}
        return client.post("/api/documents", given, format="multipart")

    first, again = post("plan.txt", "private"), post("other.txt", "organization")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


def test_the_page_links_to_it(page_as, owner):
    document = send(owner, "<b>plan.txt")
    chosen = [SimpleUploadedFile("again.txt", PLAN), SimpleUploadedFile("new.txt", b"new")]
    answer = page_as(owner).post(
        "/documents/upload", {"file": chosen, "visibility": "organization"}, follow=True
    )
    text = answer.content.decode()
    assert "1 file was uploaded." in text
    assert "You uploaded “again.txt” already" in text
    assert f'<a href="/documents/{document.pk}">&lt;b&gt;plan.txt</a> stays as it is' in text


def test_ingest_skips_it_and_takes_up_what_an_earlier_run_left(admin, tmp_path, settings):
    settings.INGESTION_TASK = f"{ingest_stand_in.__module__}.{ingest_stand_in.__name__}"
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "a.txt").write_bytes(PLAN)
    assert run("--queue", str(folder)) == (
        "0 completed (0 passages), 1 left to the worker, 0 failed, 0 skipped.\n",
        0,
    )
    assert "1 completed (3 passages), 0 failed, 0 skipped." in run(str(folder))[0]
    out, code = run(str(folder))
    assert code == 0
    assert out == "0 completed (0 passages), 1 unchanged, 0 failed, 0 skipped.\n"
    (folder / "b.txt").write_bytes(PLAN)
    out, code = run(str(folder))
    assert "b.txt: uploaded already as “a.txt”" in out
    assert "0 completed (0 passages), 1 unchanged, 0 failed, 1 skipped." in out
    assert Document.objects.get().status == "completed"
