import logging
import threading
import uuid
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError
from django.utils import timezone
from django.utils.module_loading import import_string

from documents import leases
from documents.exceptions import DocumentFailure
from documents.models import Document, DocumentChunk, Page
from documents.services import delete_documents, retry_document, upload_document
from knowledge.lib import context
from rag import ingestion, reading, tasks
from rag.ingestion import ingest_waiting
from rag.models import ChunkEmbedding, OrganizationIndex
from rag.publishing import publish
from rag.retrieval import retrieve
from rag.services.schedules import ensure_schedules
from rag.tests.library import job_of, uploaded

# The pipeline's readers are threads with connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)

TEXT = b"Annual leave is thirty days. Ask your manager two weeks ahead."


def upload(user, content: bytes = TEXT, filename: str = "leave.txt") -> Document:
    return upload_document(owner=user, file=ContentFile(content), filename=filename, ingest=False)


def test_an_uploaded_file_becomes_pages_chunks_and_embeddings(owner):
    document = upload(owner, b"# Leave\n\nThirty days.\n\n# Travel\n\nBook early.", "guide.md")
    assert ingest_waiting() == 1
    document.refresh_from_db()
    assert (document.status, document.progress, document.error_message) == ("completed", 100, "")
    assert document.completed_at is not None
    assert document.page_count == Page.objects.count() == 1
    assert document.chunk_count == DocumentChunk.objects.count() == ChunkEmbedding.objects.count()
    page = Page.objects.get()
    for chunk in DocumentChunk.objects.all():
        assert chunk.text == page.text[chunk.start : chunk.end]
    assert OrganizationIndex.objects.get().version == 1


def test_what_was_ingested_can_be_asked_for(owner):
    upload(owner)
    ingest_waiting()
    [passage] = retrieve(user=owner, query="how long is annual leave", top_k=3).passages
    assert "thirty days" in passage.content


def test_many_documents_are_embedded_together_and_each_gets_its_own_vectors(owner):
    for number in range(20):
        upload(owner, f"Unique fact number {number} about topic{number}.".encode(), f"{number}.txt")
    assert ingest_waiting() == 20
    for number in (0, 7, 19):
        best = retrieve(user=owner, query=f"topic{number}", top_k=1).passages[0]
        assert best.filename == f"{number}.txt"


@pytest.mark.parametrize(
    ("content", "filename", "code"),
    [(b"", "empty.txt", "empty"), (b" \n\t ", "blank.md", "empty"), (b"%PDF-1.4 x", "a.pdf", None)],
)
def test_a_file_without_text_fails_at_once_with_a_sentence(owner, content, filename, code):
    document = upload(owner, content, filename)
    ingest_waiting()
    document.refresh_from_db()
    assert (document.status, document.attempts) == ("failed", 1)
    assert document.error_message.endswith(".")
    assert code is None or document.error_code == code


def test_one_bad_file_does_not_stop_the_others(owner):
    upload(owner, b"", "empty.txt")
    good = upload(owner)
    upload(owner, b"%PDF-1.4 broken", "broken.pdf")
    assert ingest_waiting() == 3
    assert list(Document.objects.completed()) == [good]


def test_a_failed_document_can_be_tried_again(owner):
    document = upload(owner, b"%PDF-1.4 broken", "broken.pdf")
    ingest_waiting()
    document.refresh_from_db()
    retry_document(document=document, actor=owner)
    document.refresh_from_db()
    assert (document.status, document.attempts, document.error_message) == ("uploaded", 0, "")


def test_what_may_pass_waits_and_is_tried_again(owner, monkeypatch):
    document = upload(owner)

    def busy(_jobs):
        raise OperationalError("database is locked")

    monkeypatch.setattr(ingestion, "_embedded", busy)
    ingest_waiting()
    document.refresh_from_db()
    assert (document.status, document.error_code) == ("uploaded", "busy")
    assert document.next_attempt_at > timezone.now()
    monkeypatch.undo()
    Document.objects.update(next_attempt_at=timezone.now())
    ingest_waiting()
    document.refresh_from_db()
    assert (document.status, document.attempts, document.error_message) == ("completed", 1, "")


def test_an_unexpected_error_is_kept_on_the_row_without_its_text(owner, monkeypatch):
    document = upload(owner)
    monkeypatch.setattr(ingestion, "publish_together", lambda _jobs: 1 / 0)
    ingest_waiting()
    document.refresh_from_db()
    assert document.error_code == "unexpected"
    assert "division" not in document.error_message


def test_publishing_is_all_or_nothing(owner, monkeypatch):
    document = upload(owner)

    def fails(*_args, **_kwargs):
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(leases, "complete", fails)
    ingest_waiting()
    document.refresh_from_db()
    assert document.status == "uploaded"
    assert not Page.objects.exists()
    assert not DocumentChunk.objects.exists()
    assert not ChunkEmbedding.objects.exists()
    assert OrganizationIndex.objects.get().version == 0


def test_a_delete_wins_over_an_ingestion_under_way(owner, admin):
    document = uploaded(owner)
    [lease] = leases.claim(limit=1)
    job = job_of(document, lease, "text that must not appear")
    delete_documents(documents=Document.objects.all(), actor=admin)
    assert publish(job) is False
    assert not DocumentChunk.objects.exists()


def test_a_worker_that_lost_its_lease_publishes_nothing(owner):
    document = uploaded(owner)
    [slow] = leases.claim(limit=1)
    Document.objects.update(lease_expires_at=timezone.now())
    [fast] = leases.claim(limit=1)
    assert publish(job_of(document, fast, "the right text")) is True
    assert publish(job_of(document, slow, "too late")) is False
    assert DocumentChunk.objects.get().text == "the right text"


def test_the_heartbeat_keeps_a_long_document(owner, settings):
    settings.INGEST_LEASE_S = 0.06
    uploaded(owner)
    [lease] = leases.claim(limit=1)
    beaten = threading.Event()
    original = leases.extend

    def extend(held):
        original(held)
        beaten.set()

    leases.extend, restore = extend, original
    try:
        with ingestion.Heartbeat() as heartbeat:
            heartbeat.watch([lease])
            assert beaten.wait(10)
    finally:
        leases.extend = restore
    assert Document.objects.get().lease_expires_at is not None


def test_log_lines_carry_the_request_of_the_upload_and_no_text(owner, caplog):
    with context.bind(context.RequestContext(request_id="upload-42")):
        upload(owner)
    seen = []

    class Collect(logging.Handler):
        def emit(self, record):
            seen.append((record.getMessage(), context.current().request_id, str(vars(record))))

    handler = Collect()
    logging.getLogger("knowledge.ingestion").addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "knowledge.ingestion"):
            ingest_waiting()
    finally:
        logging.getLogger("knowledge.ingestion").removeHandler(handler)
    [(event, request_id, fields)] = seen
    assert (event, request_id) == ("document completed", "upload-42")
    assert "thirty" not in fields


class TestTasks:
    def test_a_doorbell_for_what_is_gone_or_done_is_quiet(self, owner):
        tasks.ingest_document(str(uuid.uuid4()))
        document = upload(owner)
        tasks.ingest_document(str(document.pk))
        tasks.ingest_document(str(document.pk))
        document.refresh_from_db()
        assert (document.status, document.attempts) == ("completed", 1)

    def test_the_sweeper_rings_for_what_was_left(self, owner, monkeypatch):
        rung = []
        monkeypatch.setattr(tasks, "async_task", lambda name, key: rung.append((name, key)))
        document = upload(owner)
        leases.claim(limit=1)
        tasks.sweep()
        assert rung == []  # somebody works on it
        Document.objects.update(lease_expires_at=timezone.now())
        tasks.sweep()
        assert rung == [("rag.tasks.ingest_document", str(document.pk))]

    def test_the_sweeper_writes_a_snapshot(self, owner, settings):
        upload(owner)
        ingest_waiting()
        tasks.sweep()
        folder = Path(settings.VECTOR_STORE_DIR) / str(owner.organization_id)
        assert list(folder.rglob("manifest.json"))

    def test_the_schedules_are_made_once(self, db):
        from django_q.models import Schedule

        ensure_schedules()
        ensure_schedules()
        assert set(Schedule.objects.values_list("func", flat=True)) == {
            "rag.tasks.sweep",
            "rag.tasks.check_indexes",
            "accounts.tasks.flush_expired",
        }
        for task in Schedule.objects.values_list("func", flat=True):
            import_string(task)()


def test_a_failure_is_counted_and_told_apart(owner, monkeypatch):
    document = upload(owner)

    def refuse(*_args, **_kwargs):
        raise DocumentFailure("Encrypted: remove the password.", code="encrypted")

    monkeypatch.setattr(reading, "extract_file", refuse)
    ingest_waiting()
    document.refresh_from_db()
    assert (document.status, document.error_code) == ("failed", "encrypted")
    assert document.error_message == "Encrypted: remove the password."


def test_a_document_of_too_many_passages_fails_and_names_the_limit(owner, settings):
    settings.MAX_DOCUMENT_CHUNKS = 2
    document = upload(owner, b"Every employee has leave. " * 100)
    ingest_waiting()
    document.refresh_from_db()
    assert (document.status, document.error_code) == ("failed", "too_long")
    assert "more than 2 passages" in document.error_message
