"""Documents that are ingested while the embedding model is changed."""

import pytest
from django.core.files.base import ContentFile

from documents.models import Document, DocumentChunk
from documents.services import retry_document, upload_document
from knowledge.lib import faults
from knowledge.lib.faults import FaultPoint
from rag.index.versions import get_state
from rag.ingestion import ingest_waiting
from rag.models import ChunkEmbedding
from rag.retrieval import retrieve
from rag.services.model_change import start_change
from rag.services.model_change_run import run_change
from rag.tests.library import published

# The pipeline's readers are threads with connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)

NEW = "fake-wide"


@pytest.fixture
def at():
    """Run something once when the pipeline passes a moment."""

    def arm(moment: FaultPoint, act) -> None:
        waiting = [act]

        def handler(point: FaultPoint) -> None:
            if point is moment and waiting:
                waiting.pop()()

        faults.arm(handler)

    yield arm
    faults.arm(None)


def upload(user, name: str) -> Document:
    text = f"The word of {name} is {name}. " * 5
    return upload_document(
        owner=user, file=ContentFile(text.encode()), filename=f"{name}.txt", ingest=False
    )


def switch_now(organization) -> None:
    change = start_change(organization=organization, model=NEW, actor=None)
    assert run_change(change_id=change.pk).status == "switched"


@pytest.mark.parametrize("moment", [FaultPoint.INGEST_READ, FaultPoint.INGEST_EMBEDDED])
def test_a_switch_at_any_moment_of_an_ingestion_leaves_no_chunk_without_its_vector(
    owner, organization, at, moment
):
    published(owner, "already there")
    for name in ("alpha", "beta", "gamma"):
        upload(owner, name)
    at(moment, lambda: switch_now(organization))
    assert ingest_waiting() == 3
    assert get_state(organization.pk).model == NEW
    lacking = DocumentChunk.objects.exclude(embeddings__model=NEW)
    assert not lacking.exists()
    for name in ("alpha", "beta", "gamma"):
        first = retrieve(user=owner, query=f"the word of {name}", top_k=1).passages[0]
        assert first.filename == f"{name}.txt"


def test_documents_ingested_while_vectors_are_built_get_those_of_the_model_in_use(
    owner, organization
):
    published(owner, "already there")
    change = start_change(organization=organization, model=NEW, actor=None)
    upload(owner, "late")
    ingest_waiting()
    late = ChunkEmbedding.objects.filter(document__filename="late.txt")
    assert set(late.values_list("model", flat=True)) == {"fake"}
    run_change(change_id=change.pk)
    assert set(late.values_list("model", flat=True)) == {"fake", NEW}


def test_a_document_ingested_anew_after_the_switch_has_vectors_of_the_new_model_alone(
    owner, organization
):
    document = upload(owner, "again")
    ingest_waiting()
    switch_now(organization)
    Document.objects.filter(pk=document.pk).update(status=Document.Status.FAILED)
    retry_document(document=Document.objects.get(pk=document.pk), actor=owner)
    ingest_waiting()
    assert set(ChunkEmbedding.objects.values_list("model", flat=True)) == {NEW}
    assert retrieve(user=owner, query="the word of again", top_k=1).passages
