import uuid
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import Organization, User
from documents.models import Document
from documents.services import delete_documents
from rag.embedding.registry import get_embedder
from rag.index.faiss_index import FaissIndex
from rag.index.faiss_snapshot import Snapshot
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.models import ChunkEmbedding, IndexChange
from rag.tests.library import publish_texts, published, uploaded


def embed(text: str) -> np.ndarray:
    return get_embedder().embed_query(text)


def search(index: FaissIndex, organization, text: str, *, k: int = 10, within=None) -> list[str]:
    documents = Document.objects.all() if within is None else within
    hits = index.search(embed(text), k=k, state=get_state(organization.pk), within=Scope(documents))
    texts = dict(ChunkEmbedding.objects.values_list("chunk_id", "chunk__text"))
    return [texts[hit.chunk_id] for hit in hits]


def test_the_nearest_chunk_comes_first(owner):
    published(owner, "annual leave is thirty days", "laptops are replaced every four years")
    assert search(FaissIndex(), owner.organization, "how old may laptops be")[0].startswith(
        "laptops"
    )


def test_an_empty_scope_finds_nothing(owner):
    published(owner, "annual leave")
    assert search(FaissIndex(), owner.organization, "leave", within=Document.objects.none()) == []


def test_only_documents_of_the_scope_are_found_however_near_the_others_are(owner):
    for _ in range(30):
        published(owner, "the exact words of the question")
    wanted = published(owner, "something else entirely")
    found = search(
        FaissIndex(),
        owner.organization,
        "the exact words of the question",
        k=5,
        within=Document.objects.filter(pk=wanted.pk),
    )
    assert found == ["something else entirely"]


def test_a_scope_never_reaches_into_another_organization(owner, outsider):
    published(outsider, "their secret")
    published(owner, "our note")
    everything = Document.objects.all()  # a scope that a mistake made too wide
    assert search(FaissIndex(), owner.organization, "secret", within=everything) == ["our note"]


def test_another_process_sees_a_publish_and_a_delete_at_its_next_search(owner, admin):
    here, there = FaissIndex(), FaissIndex()
    first = published(owner, "alpha")
    assert search(there, owner.organization, "alpha") == ["alpha"]
    published(owner, "beta")
    assert set(search(there, owner.organization, "alpha")) == {"alpha", "beta"}
    delete_documents(documents=Document.objects.filter(pk=first.pk), actor=admin)
    assert search(here, owner.organization, "alpha") == ["beta"]
    assert search(there, owner.organization, "alpha") == ["beta"]
    assert there.health(owner.organization_id).extra == 0


def test_publishing_a_document_again_replaces_its_chunks(owner):
    index = FaissIndex()
    document = published(owner, "old text")
    search(index, owner.organization, "text")
    publish_texts(document, "new text", "more text")
    assert set(search(index, owner.organization, "text")) == {"new text", "more text"}


def test_a_process_that_lags_further_than_the_kept_steps_loads_anew(owner):
    index = FaissIndex()
    published(owner, "alpha")
    search(index, owner.organization, "alpha")
    published(owner, "beta")
    published(owner, "gamma")
    IndexChange.objects.filter(version=2).delete()
    assert set(search(index, owner.organization, "x")) == {"alpha", "beta", "gamma"}


def test_many_replaced_documents_do_not_pile_up_in_memory(owner, monkeypatch):
    monkeypatch.setattr("rag.index.faiss_copy.COMPACT_ROWS", 3)
    index = FaissIndex()
    document = published(owner, "kept for ever")
    churned = uploaded(owner)
    for turn in range(12):
        publish_texts(churned, f"turn {turn}")
        assert set(search(index, owner.organization, "turn")) == {"kept for ever", f"turn {turn}"}
    assert index._copies[owner.organization_id]._faiss.ntotal <= 6
    assert document.chunk_count == 1


class TestSnapshots:
    @pytest.fixture
    def saved(self, owner):
        published(owner, "alpha", "beta")
        FaissIndex().refresh_snapshot(owner.organization_id)
        return Snapshot(owner.organization_id)

    def texts(self, owner) -> set[str]:
        return set(search(FaissIndex(), owner.organization, "alpha"))

    def test_a_snapshot_gives_the_vectors_without_reading_them_from_the_rows(self, owner, saved):
        stored = saved.load(model="fake", dimension=64)
        assert stored is not None
        assert len(stored.ids) == 2
        # The rows' vectors are made unreadable: only the snapshot still has them.
        ChunkEmbedding.objects.update(vector=b"")
        assert self.texts(owner) == {"alpha", "beta"}

    def test_a_stale_snapshot_is_completed_from_the_rows(self, owner, admin, saved):
        published(owner, "gamma")
        beta = Document.objects.get(pages__text="beta")
        assert self.texts(owner) == {"alpha", "beta", "gamma"}
        delete_documents(documents=Document.objects.filter(pk=beta.pk), actor=admin)
        assert self.texts(owner) == {"gamma"}

    @pytest.mark.parametrize(
        "damage", ["truncate", "flip", "empty", "missing", "manifest", "foreign"]
    )
    def test_a_damaged_snapshot_is_noticed_and_not_used(self, owner, saved, damage):
        file = saved._folder / saved.manifest().file
        content = bytearray(file.read_bytes())
        if damage == "truncate":
            file.write_bytes(content[: len(content) // 2])
        elif damage == "flip":
            content[-9] ^= 0x10
            file.write_bytes(content)
        elif damage == "empty":
            file.write_bytes(b"")
        elif damage == "missing":
            file.unlink()
        elif damage == "manifest":
            saved._manifest.write_text("{")
        else:
            saved._manifest.write_text(saved._manifest.read_text().replace('"fake"', '"other"'))
        assert saved.load(model="fake", dimension=64) is None
        assert self.texts(owner) == {"alpha", "beta"}

    def test_a_snapshot_of_the_future_is_not_used(self, owner, saved):
        """After a backup was restored, ids may be given a second time."""
        manifest = saved._manifest
        manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 9'))
        ChunkEmbedding.objects.update(vector=embed("other").tobytes())
        index = FaissIndex()
        hits = index.search(
            embed("other"),
            k=1,
            state=get_state(owner.organization_id),
            within=Scope(Document.objects.all()),
        )
        assert hits[0].score == pytest.approx(1.0, abs=1e-5)

    def test_only_the_newest_file_is_kept(self, owner, saved):
        for number in range(3):
            published(owner, f"text {number}")
            FaissIndex().rebuild(owner.organization_id)
        assert len(list(saved._folder.iterdir())) == 2


@dataclass
class Model:
    """What must be found: each document's chunk texts."""

    texts: dict[uuid.UUID, list[str]] = field(default_factory=dict)


WORDS = st.sampled_from(["leave", "travel", "laptop", "policy", "budget", "visa", "desk", "audit"])
TEXT = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
STEP = st.one_of(
    st.tuples(st.just("publish"), st.lists(TEXT, min_size=1, max_size=3)),
    st.tuples(st.just("republish"), st.lists(TEXT, min_size=1, max_size=3)),
    st.tuples(st.just("delete"), st.just([])),
    st.tuples(st.just("snapshot"), st.just([])),
    st.tuples(st.just("restart"), st.just([])),
)


class ExactSearchProperty(TestCase):
    """Whatever happened before, a search in any process equals a comparison with every row."""

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=st.lists(STEP, min_size=1, max_size=10), query=TEXT, data=st.data())
    def test_search_equals_brute_force(self, steps, query, data):
        organization = Organization.objects.create(name=f"Acme {uuid.uuid4()}")
        owner = User.objects.create_user(
            f"{uuid.uuid4().hex}@acme.test", None, organization=organization, role="admin"
        )
        processes = [FaissIndex(), FaissIndex()]
        texts: dict[uuid.UUID, list[str]] = {}
        for action, pages in steps:
            chosen = data.draw(st.sampled_from(sorted(texts))) if texts else None
            if action == "publish":
                document = published(owner, *pages)
                texts[document.pk] = pages
            elif action == "republish" and chosen:
                publish_texts(Document.objects.get(pk=chosen), *pages)
                texts[chosen] = pages
            elif action == "delete" and chosen:
                delete_documents(documents=Document.objects.filter(pk=chosen), actor=owner)
                del texts[chosen]
            elif action == "snapshot":
                processes[0].refresh_snapshot(organization.pk)
            elif action == "restart":
                processes[1] = FaissIndex()
            self.compare(processes, organization, texts, query, data)

    def compare(self, processes, organization, texts, query, data):
        scope = data.draw(st.sets(st.sampled_from(sorted(texts)))) if texts else set()
        vector = embed(query)
        expected = sorted(
            (float(embed(text) @ vector) for document in scope for text in texts[document]),
            reverse=True,
        )
        for process in processes:
            hits = process.search(
                vector,
                k=100,
                state=get_state(organization.pk),
                within=Scope(Document.objects.filter(pk__in=scope)),
            )
            np.testing.assert_allclose([hit.score for hit in hits], expected, atol=1e-5)
            found = ChunkEmbedding.objects.filter(chunk_id__in=[hit.chunk_id for hit in hits])
            assert sorted(found.values_list("chunk__text", flat=True)) == sorted(
                text for document in scope for text in texts[document]
            )
