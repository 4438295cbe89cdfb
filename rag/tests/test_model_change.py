"""A change of the embedding model: built beside the old one, switched in one step."""

import uuid

import numpy as np
import pytest

from accounts.models import AuditEvent
from documents.leases import claim as claim_documents
from documents.models import Document, DocumentChunk
from documents.services import delete_documents
from knowledge.lib.errors import Conflict, NotAllowed, NotFound, Unavailable
from rag import reembedding
from rag.embedding.registry import get_embedder
from rag.index.faiss_index import FaissIndex
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.models import ChunkEmbedding, ModelChange
from rag.publishing import ModelChanged, publish
from rag.services.model_change import cancel, prune, roll_back, start_change, switch
from rag.services.model_change_run import run_change
from rag.tests.library import job_of, published, uploaded

NEW = "fake-wide"


@pytest.fixture(autouse=True)
def small_batches(monkeypatch) -> None:
    monkeypatch.setattr(reembedding, "BATCH_SIZE", 2)


class Reader:
    """A process that searches: it keeps its own copy of the index over the whole test."""

    def __init__(self, organization) -> None:
        self.organization = organization
        self.index = FaissIndex()

    def finds(self, question: str = "anything") -> set[str]:
        """Search as the product does, and hold that every score is one of the model in use."""
        state = get_state(self.organization.pk)
        vector = get_embedder(state.model).embed_query(question)
        everything = Scope(Document.objects.filter(organization=self.organization))
        hits = self.index.search(vector, k=50, state=state, within=everything)
        rows = ChunkEmbedding.objects.filter(model=state.model).values_list("chunk_id", "vector")
        vectors = {key: np.frombuffer(data, dtype="<f4") for key, data in rows}
        for hit in hits:
            assert hit.score == pytest.approx(float(vectors[hit.chunk_id] @ vector), abs=1e-5)
        texts = dict(DocumentChunk.objects.values_list("pk", "text"))
        return {texts[hit.chunk_id] for hit in hits}


@pytest.fixture
def reader(organization) -> Reader:
    return Reader(organization)


def change_to(organization, model: str = NEW, **options) -> ModelChange:
    change = start_change(organization=organization, model=model, actor=None, **options)
    return run_change(change_id=change.pk)


def model_in_use(organization) -> str:
    return get_state(organization.pk).model


def vectors_of(model: str) -> set[str]:
    return set(ChunkEmbedding.objects.filter(model=model).values_list("chunk__text", flat=True))


def test_a_change_ends_with_the_new_model_and_every_vector(owner, organization, reader):
    published(owner, "alpha", "beta", "gamma")
    assert reader.finds() == {"alpha", "beta", "gamma"}
    change = change_to(organization)
    assert change.status == "switched"
    assert (change.done, change.total, change.percent) == (3, 3, 100)
    assert model_in_use(organization) == NEW
    assert vectors_of(NEW) == vectors_of("fake") == {"alpha", "beta", "gamma"}
    assert reader.finds() == {"alpha", "beta", "gamma"}


def test_searches_go_on_with_the_old_model_between_any_two_batches(owner, organization, reader):
    published(owner, "a", "b", "c", "d", "e")
    change = start_change(organization=organization, model=NEW, actor=None)
    seen = []
    while change.is_open:
        seen.append((model_in_use(organization), change.done, reader.finds()))
        change = run_change(change_id=change.pk, max_batches=1)
    everything = {"a", "b", "c", "d", "e"}
    assert seen == [("fake", n, everything) for n in (0, 2, 4, 5)]
    assert model_in_use(organization) == NEW
    assert reader.finds() == everything


def test_what_is_stored_is_not_embedded_again_after_a_stop(owner, organization):
    published(owner, "a", "b", "c", "d", "e")
    history = get_embedder(NEW).history
    history.clear()
    change = start_change(organization=organization, model=NEW, actor=None)
    run_change(change_id=change.pk, max_batches=1)
    run_change(change_id=change.pk, max_batches=1)
    run_change(change_id=change.pk)
    texts = [text.rsplit("\n", 1)[-1] for text in history]
    assert sorted(texts) == ["a", "b", "c", "d", "e"]


def test_documents_published_and_deleted_meanwhile_are_taken_in(owner, admin, organization, reader):
    gone = published(owner, "a", "b", "c")
    change = start_change(organization=organization, model=NEW, actor=None)
    run_change(change_id=change.pk, max_batches=1)
    published(owner, "d", "e")
    delete_documents(documents=Document.objects.filter(pk=gone.pk), actor=admin)
    assert reader.finds() == {"d", "e"}
    assert run_change(change_id=change.pk).status == "switched"
    assert reader.finds() == vectors_of(NEW) == {"d", "e"}


def test_a_document_published_after_the_index_was_prepared_is_found_after_the_switch(
    owner, organization, reader, monkeypatch
):
    published(owner, "a", "b", "c")
    switch_index = reembedding.switch_index
    late = []

    def publish_at_the_last_moment(lease, embedded):
        if not late:
            late.append(published(owner, "d"))
        return switch_index(lease, embedded)

    monkeypatch.setattr(reembedding, "switch_index", publish_at_the_last_moment)
    assert change_to(organization).status == "switched"
    assert reader.finds() == vectors_of(NEW) == {"a", "b", "c", "d"}


def test_an_ingestion_that_began_before_the_switch_publishes_with_the_new_model(
    owner, organization, reader
):
    document = uploaded(owner)
    [lease] = claim_documents(limit=1, first=document.pk)
    job = job_of(document, lease, "in flight")
    change_to(organization)
    with pytest.raises(ModelChanged) as refusal:
        publish(job)
    assert refusal.value.model == NEW
    assert not DocumentChunk.objects.exists()
    assert get_state(organization.pk).version == 1  # of the switch alone
    job.model, job.vectors = NEW, get_embedder(NEW).embed_passages(["in flight"])
    assert publish(job)
    assert reader.finds() == vectors_of(NEW) == {"in flight"}
