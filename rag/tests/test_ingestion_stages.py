"""At every step of an ingestion: a delete wins, and of two workers exactly one publishes."""

import threading
from collections.abc import Callable, Iterator

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from documents.leases import claim
from documents.models import Document, DocumentChunk, FileDeletion, Page
from documents.services import delete_documents, upload_document
from knowledge.lib import faults
from knowledge.lib.faults import FaultPoint
from rag.index.registry import get_lexical_index, get_vector_index
from rag.ingestion import ingest_waiting
from rag.models import ChunkEmbedding, IndexChange
from rag.retrieval import retrieve

# The pipeline's readers are threads with connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)

OUTSIDE = [FaultPoint.INGEST_CLAIMED, FaultPoint.INGEST_READ, FaultPoint.INGEST_EMBEDDED]
INSIDE = [
    FaultPoint.PUBLISH_OLD_ROWS_GONE,
    FaultPoint.PUBLISH_CHUNKS_WRITTEN,
    FaultPoint.PUBLISH_VERSION_COUNTED,
]
LIMIT_S = 20
TEXT = "Annual leave is thirty days. "


def upload(owner, number: int = 0) -> Document:
    content = ContentFile((TEXT * 40 + f"Number {number}.").encode())
    return upload_document(owner=owner, file=content, filename=f"{number}.txt", ingest=False)


@pytest.fixture
def once_at() -> Iterator[Callable[[FaultPoint, Callable[[], None]], None]]:
    """Do something the first time that a moment is passed."""

    def arm(point: FaultPoint, act: Callable[[], None]) -> None:
        due = threading.Lock()

        def handler(passed: FaultPoint) -> None:
            if passed == point and due.acquire(blocking=False):
                act()

        faults.arm(handler)

    yield arm
    faults.arm(None)


def is_nothing_left(owner) -> bool:
    """Tell whether neither rows nor files nor any index have anything."""
    for model in (Document, Page, DocumentChunk, ChunkEmbedding):
        assert not model.objects.exists(), model
    assert not FileDeletion.objects.exists()
    for index in (get_vector_index(), get_lexical_index()):
        health = index.health(owner.organization_id)
        assert (health.missing, health.extra) == (0, 0)
    assert retrieve(user=owner, query=TEXT, top_k=5).passages == ()
    return True


def delete_all(admin) -> None:
    delete_documents(documents=Document.objects.all(), actor=admin)


@pytest.mark.parametrize("point", [*OUTSIDE, FaultPoint.PUBLISH_COMMITTED])
def test_a_delete_between_two_steps_wins(owner, admin, once_at, point):
    documents = [upload(owner, number) for number in range(3)]
    once_at(point, lambda: delete_all(admin))
    ingest_waiting()
    assert is_nothing_left(owner)
    assert not any(default_storage.exists(document.file.name) for document in documents)


@pytest.mark.parametrize("point", INSIDE)
def test_a_delete_during_the_publishing_waits_for_it_and_wins(owner, admin, once_at, point):
    for number in range(3):
        upload(owner, number)
    deleted = threading.Event()

    def delete() -> None:
        delete_all(admin)
        connection.close()
        deleted.set()

    deleting = threading.Thread(target=delete)
    once_at(point, deleting.start)
    ingest_waiting()
    deleting.join(LIMIT_S)
    assert deleted.is_set()
    assert is_nothing_left(owner)


def test_a_delete_leaves_a_neighbour_in_the_same_transaction_alone(owner, admin, once_at):
    gone, kept = upload(owner, 1), upload(owner, 2)
    doomed = Document.objects.filter(pk=gone.pk)
    once_at(FaultPoint.INGEST_EMBEDDED, lambda: delete_documents(documents=doomed, actor=admin))
    ingest_waiting()
    assert set(Document.objects.completed()) == {kept}
    assert set(DocumentChunk.objects.values_list("document", flat=True)) == {kept.pk}
    changes = IndexChange.objects.order_by("version").values_list("document_id", flat=True)
    assert list(changes) == [gone.pk, kept.pk]  # the removal, and one publishing


@pytest.mark.parametrize("point", OUTSIDE)
def test_a_worker_that_slept_past_its_lease_wakes_up_and_changes_nothing(
    owner, once_at, point, monkeypatch
):
    """Another worker takes all over and completes it while the first one stands still."""
    monkeypatch.setattr("rag.reading.READERS", 1)  # another thread of it would not stand still
    documents = {upload(owner, number).pk for number in range(3)}

    def sleep_past_the_lease() -> None:
        Document.objects.filter(status="processing").update(lease_expires_at=timezone.now())
        ingest_waiting()
        assert set(Document.objects.completed().values_list("pk", flat=True)) == documents

    once_at(point, sleep_past_the_lease)
    ingest_waiting()
    assert sorted(IndexChange.objects.values_list("document_id", flat=True)) == sorted(documents)
    for document in Document.objects.all():
        assert (document.status, document.error_message) == ("completed", "")
        assert document.chunks.count() == document.chunk_count > 0
    assert ChunkEmbedding.objects.count() == DocumentChunk.objects.count()
    for index in (get_vector_index(), get_lexical_index()):
        health = index.health(owner.organization_id)
        assert (health.missing, health.extra) == (0, 0)


@pytest.mark.parametrize("point", OUTSIDE)
def test_a_worker_that_wakes_up_while_another_has_the_document_leaves_it_to_it(
    owner, once_at, point
):
    upload(owner)
    taken_over = []

    def sleep_past_the_lease() -> None:
        Document.objects.update(lease_expires_at=timezone.now())
        taken_over.extend(claim(limit=1))  # another worker

    once_at(point, sleep_past_the_lease)
    ingest_waiting()
    document = Document.objects.get()
    assert (document.status, document.lease_token) == ("processing", taken_over[0].token)
    assert not DocumentChunk.objects.exists()
