"""An ingested message answers with its attachments, which are stored once whatever happens."""

from email.message import EmailMessage

import pytest
from django.core.files.base import ContentFile

from documents.models import Document
from documents.services import delete_documents, retry_document, upload_document
from knowledge.lib import faults
from knowledge.lib.faults import FaultPoint
from rag.ingestion import ingest_waiting
from rag.retrieval import retrieve

# The pipeline's readers are threads with connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _media(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def mail() -> bytes:
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = "Rules", "ana@example.org", "bo@example.org"
    made.set_content("The rules are attached.\n")
    made.add_attachment("Wombats sleep in burrows.", filename="wombats.txt")
    made.add_attachment(b"MZ", maintype="application", subtype="x-tool", filename="tool.exe")
    return made.as_bytes()


def upload(owner) -> Document:
    return upload_document(owner=owner, file=ContentFile(mail()), filename="mail.eml", ingest=False)


def ingest_all() -> None:
    while Document.objects.in_progress().exists():
        assert ingest_waiting()


def test_attachments_are_found_and_what_was_left_out_is_told(owner, colleague):
    message = upload(owner)
    ingest_all()
    message.refresh_from_db()
    attached = message.attachments.get()
    assert (message.status, attached.status) == ("completed", "completed")
    assert message.warnings == [
        "The attachment “tool.exe” was left out. Its type is not read here."
    ]
    passages = retrieve(user=owner, query="wombats", top_k=5).passages
    assert attached.pk in {passage.document_id for passage in passages}
    assert retrieve(user=colleague, query="wombats", top_k=5).passages == ()


def test_a_message_that_is_read_again_after_a_failure_has_them_once(owner):
    message = upload(owner)
    failing = True

    def fail_once(point: FaultPoint) -> None:
        nonlocal failing
        if point == FaultPoint.INGEST_READ and failing:
            failing = False
            raise RuntimeError("the worker stumbles behind the attachments")

    faults.arm(fail_once)
    try:
        ingest_waiting()
    finally:
        faults.arm(None)
    message.refresh_from_db()
    assert message.status == "uploaded"
    assert message.attachments.count() == 1
    Document.objects.update(next_attempt_at=None)
    ingest_all()
    Document.objects.filter(pk=message.pk).update(status="failed")
    retry_document(document=message, actor=owner)
    ingest_all()
    assert set(Document.objects.values_list("filename", "status")) == {
        ("mail.eml", "completed"),
        ("wombats.txt", "completed"),
    }
    assert Document.objects.count() == 2


def test_a_deleted_message_is_found_no_more_nor_its_attachments(owner, admin):
    message = upload(owner)
    ingest_all()
    delete_documents(documents=Document.objects.filter(pk=message.pk), actor=admin)
    assert not Document.objects.exists()
    assert retrieve(user=owner, query="wombats", top_k=5).passages == ()
