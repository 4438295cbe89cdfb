"""A change of the embedding model: built beside the old one, switched in one step."""

import datetime

import numpy as np
import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import AuditEvent
from documents.leases import claim as claim_documents
from documents.models import Document, DocumentChunk
from documents.services import delete_documents
from rag import change_leases, reembedding
from rag.chunk_vectors import Embedded
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

    def loads_next_model(self) -> None:
        """Load the index that is announced, as each process does before the switch."""
        state = get_state(self.organization.pk)
        assert state.next_is_ready
        state.model = state.next_model
        self.index.warm_up(state)


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

    def publish_at_the_last_moment(lease):
        if not late:
            late.append(published(owner, "d"))
            reader.loads_next_model()  # and so has its index before it has the vector of "d"
        return switch_index(lease)

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
    job.model = NEW
    job.embedded = Embedded(get_embedder(NEW).embed_passages(["in flight"]), [b"in flight"])
    assert publish(job)
    assert reader.finds() == vectors_of(NEW) == {"in flight"}


def test_a_switch_is_refused_while_a_chunk_lacks_its_vector(owner, organization, reader):
    published(owner, "a", "b", "c")
    change = start_change(organization=organization, model=NEW, actor=None)
    run_change(change_id=change.pk, max_batches=1)
    with change_leases.claim(change.pk) as lease, transaction.atomic():
        assert not reembedding.switch_index(lease)
    assert model_in_use(organization) == "fake"
    assert reader.finds() == {"a", "b", "c"}


def test_a_killed_runner_is_followed_by_another_when_its_lease_has_ended(owner, organization):
    published(owner, "a", "b", "c")
    change = start_change(organization=organization, model=NEW, actor=None)
    dead = change_leases.claim(change.pk)  # and never heard of again
    reembedding.embed_next(dead)
    assert run_change(change_id=change.pk).done == 2  # it is still another's
    assert model_in_use(organization) == "fake"
    let_lease_end(change)
    assert run_change(change_id=change.pk).status == "switched"


def test_a_runner_that_was_taken_over_writes_nothing_more(owner, organization):
    published(owner, "a", "b", "c")
    change = start_change(organization=organization, model=NEW, actor=None)
    asleep = change_leases.claim(change.pk)
    let_lease_end(change)
    awake = change_leases.claim(change.pk)
    for act in (
        lambda: reembedding.embed_next(asleep),
        lambda: reembedding.mark(asleep, status="ready"),
        lambda: in_transaction(reembedding.switch_index, asleep),
    ):
        with pytest.raises(change_leases.LeaseLost):
            act()
    assert vectors_of(NEW) == set()
    assert reembedding.embed_next(awake)


def test_a_runner_that_was_taken_over_while_it_computed_writes_nothing(
    owner, organization, monkeypatch
):
    published(owner, "a", "b", "c")
    change = start_change(organization=organization, model=NEW, actor=None)
    embed_chunks = reembedding.embed_chunks

    def fall_asleep(chunks, model):
        let_lease_end(change)
        assert change_leases.claim(change.pk)
        return embed_chunks(chunks, model)

    slow = change_leases.claim(change.pk)
    monkeypatch.setattr(reembedding, "embed_chunks", fall_asleep)
    with pytest.raises(change_leases.LeaseLost):
        reembedding.embed_next(slow)
    assert vectors_of(NEW) == set()


def test_a_change_that_kills_its_runner_each_time_is_given_up(owner, organization):
    published(owner, "a")
    change = start_change(organization=organization, model=NEW, actor=None)
    for _ in range(change_leases.MAX_ATTEMPTS):
        assert change_leases.claim(change.pk) is not None
        let_lease_end(change)
    change = run_change(change_id=change.pk)
    assert (change.status, change.error) == ("failed", change_leases.TOO_MANY_ATTEMPTS)
    assert AuditEvent.objects.filter(action="model_change.failed").count() == 1


def test_a_model_that_fails_ends_the_change_with_a_sentence_and_a_new_one_goes_on(
    owner, organization, reader, monkeypatch
):
    published(owner, "a", "b", "c")
    change = start_change(organization=organization, model=NEW, actor=None)
    run_change(change_id=change.pk, max_batches=1)

    def fail(*args):
        raise RuntimeError("the text of a document")

    with monkeypatch.context() as broken:
        broken.setattr(reembedding, "embed_chunks", fail)
        change = run_change(change_id=change.pk)
    assert change.status == "failed"
    assert "RuntimeError" in change.error
    assert "the text" not in change.error
    assert reader.finds() == {"a", "b", "c"}
    history = get_embedder(NEW).history
    history.clear()
    assert change_to(organization).status == "switched"
    assert [text.rsplit("\n", 1)[-1] for text in history] == ["c"]


def test_a_roll_back_is_one_step_without_embedding_anything(owner, organization, reader):
    published(owner, "a", "b", "c")
    change_to(organization)
    history = get_embedder("fake").history
    history.clear()
    change = roll_back(organization=organization, actor=None)
    assert run_change(change_id=change.pk).status == "switched"
    assert history == []
    assert model_in_use(organization) == "fake"
    assert reader.finds() == {"a", "b", "c"}


def test_a_roll_back_embeds_what_was_published_since(owner, organization, reader):
    published(owner, "a")
    change_to(organization)
    published(owner, "b")
    assert vectors_of("fake") == {"a"}
    change = roll_back(organization=organization, actor=None)
    run_change(change_id=change.pk)
    assert vectors_of("fake") == {"a", "b"}
    assert reader.finds() == {"a", "b"}


def test_a_cancelled_change_leaves_queries_alone_and_its_vectors_for_the_next(
    owner, organization, reader
):
    published(owner, "a", "b", "c")
    change = start_change(organization=organization, model=NEW, actor=None)
    run_change(change_id=change.pk, max_batches=1)
    cancel(organization=organization, actor=None)
    assert run_change(change_id=change.pk).status == "cancelled"
    assert get_state(organization.pk).next_model == ""
    assert vectors_of(NEW) == {"a", "b"}
    assert reader.finds() == {"a", "b", "c"}
    assert change_to(organization).status == "switched"


def test_a_cancel_stops_the_runner_that_is_at_work(owner, organization):
    published(owner, "a", "b", "c")
    change = start_change(organization=organization, model=NEW, actor=None)
    with change_leases.claim(change.pk) as lease:
        reembedding.embed_next(lease)
        cancel(organization=organization, actor=None)
        with pytest.raises(change_leases.LeaseLost):
            reembedding.embed_next(lease)
    assert ModelChange.objects.get().status == "cancelled"


def test_pruning_keeps_the_model_in_use_and_the_one_being_built(
    owner, organization, reader, monkeypatch
):
    monkeypatch.setattr(reembedding, "PRUNE_SIZE", 2)
    published(owner, "a", "b", "c")
    change_to(organization)
    change = start_change(organization=organization, model="fake", actor=None)
    assert prune(organization=organization, actor=None) == 0
    cancel(organization=organization, actor=None)
    assert prune(organization=organization, actor=None) == 3
    assert not change.is_rollback
    assert vectors_of("fake") == set()
    assert reader.finds() == vectors_of(NEW) == {"a", "b", "c"}


def test_pruning_leaves_other_organizations_alone(owner, outsider, organization):
    published(owner, "ours")
    published(outsider, "theirs")
    change_to(organization)
    change_to(outsider.organization)
    prune(organization=organization, actor=None)
    assert vectors_of("fake") == {"theirs"}


def test_a_change_touches_its_own_organization_alone(owner, outsider, organization):
    published(owner, "ours")
    published(outsider, "theirs")
    change_to(organization)
    assert vectors_of(NEW) == {"ours"}
    assert model_in_use(outsider.organization) == "fake"
    assert Reader(outsider.organization).finds() == {"theirs"}


def test_a_change_may_wait_for_somebody_to_switch(owner, organization, reader):
    published(owner, "a")
    change = change_to(organization, switch_when_ready=False)
    assert (change.status, model_in_use(organization)) == ("ready", "fake")
    published(owner, "b")
    switch(organization=organization, actor=None)
    assert run_change(change_id=change.pk).status == "switched"
    assert reader.finds() == vectors_of(NEW) == {"a", "b"}


def test_an_organization_without_documents_is_switched_at_once(organization):
    assert change_to(organization).status == "switched"
    assert model_in_use(organization) == NEW


def test_a_process_that_did_not_search_meanwhile_loads_the_new_model_only(
    owner, organization, reader
):
    published(owner, "a", "b")
    reader.finds()
    change_to(organization)
    published(owner, "c")
    roll_back(organization=organization, actor=None)
    run_change(change_id=ModelChange.objects.open().get().pk)
    change_to(organization)
    assert reader.finds() == Reader(organization).finds() == {"a", "b", "c"}


def let_lease_end(change: ModelChange) -> None:
    ended = timezone.now() - datetime.timedelta(seconds=1)
    ModelChange.objects.filter(pk=change.pk).update(lease_expires_at=ended)


def in_transaction(act, *args):
    with transaction.atomic():
        return act(*args)


def test_a_process_that_loaded_the_index_of_a_change_that_was_cancelled_misses_nothing_later(
    owner, organization, reader
):
    published(owner, "a", "b")
    change = change_to(organization, switch_when_ready=False)
    published(owner, "c")
    reader.loads_next_model()  # without "c"
    cancel(organization=organization, actor=None)
    assert run_change(change_id=change.pk).status == "cancelled"
    assert change_to(organization).status == "switched"
    assert reader.finds() == {"a", "b", "c"}


def test_processes_load_the_model_from_the_start_and_its_index_when_it_is_complete(
    owner, organization
):
    published(owner, "a", "b", "c")
    change = start_change(organization=organization, model=NEW, actor=None)
    run_change(change_id=change.pk, max_batches=1)
    state = get_state(organization.pk)
    assert (state.next_model, state.next_is_ready) == (NEW, False)
    switch_later = ModelChange.objects.filter(pk=change.pk)
    switch_later.update(switch_when_ready=False)
    run_change(change_id=change.pk)
    state = get_state(organization.pk)
    assert (state.next_model, state.next_is_ready) == (NEW, True)
    switch(organization=organization, actor=None)
    run_change(change_id=change.pk)
    state = get_state(organization.pk)
    assert (state.model, state.next_model, state.next_is_ready) == (NEW, "", False)
