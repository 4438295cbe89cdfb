"""The copies of one process: whose they are, how long they are held, and who waits for whom."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
from django.db import connection

from documents.models import Document
from knowledge.lib.errors import Unavailable
from rag.index import faiss_documents
from rag.index.faiss_documents import Documents, pack
from rag.index.faiss_index import FaissIndex
from rag.index.faiss_parts import Part
from rag.index.faiss_snapshot import Snapshot
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.models import ChunkEmbedding, OrganizationIndex
from rag.tests import vectors as made

QUERY = made.clustered(1)[0]


@pytest.fixture
def small(settings):
    with ExitStack() as stack:
        for patch in made.small_parts():
            stack.enter_context(patch)
        yield


def found(index: FaissIndex, owner, k: int = 500) -> set[int]:
    return {
        hit.chunk_id
        for hit in made.nearest(index, owner, QUERY, k=k, within=list(Document.objects.all()))
    }


def rows_of(model: str) -> set[int]:
    return set(ChunkEmbedding.objects.filter(model=model).values_list("chunk_id", flat=True))


# --- models ---------------------------------------------------------------------------------------
def embed_anew(owner, model: str) -> None:
    """Give every chunk a vector of another model that points the other way."""
    ChunkEmbedding.objects.bulk_create(
        ChunkEmbedding(
            organization_id=owner.organization_id,
            document_id=row.document_id,
            chunk_id=row.chunk_id,
            model=model,
            vector=(-np.frombuffer(row.vector, "<f4")).tobytes(),
        )
        for row in ChunkEmbedding.objects.filter(model="fake")
    )


@pytest.fixture
def other_model(settings) -> str:
    settings.EMBEDDERS = {**settings.EMBEDDERS, "other": settings.EMBEDDERS["fake"]}
    return "other"


def test_the_model_of_the_state_is_searched_whichever_it_is(owner, other_model):
    made.add_documents(owner, made.clustered(20), rows=5)
    embed_anew(owner, other_model)
    index = FaissIndex()
    state = get_state(owner.organization_id)
    scope = Scope(Document.objects.all())
    scores = {}
    for model in ("fake", "other", "fake"):
        state.model = model
        hits = index.search(QUERY, k=100, state=state, within=scope)
        scores[model] = {hit.chunk_id: hit.score for hit in hits}
        assert len(hits) == 20
    assert scores["fake"] == {key: pytest.approx(-score) for key, score in scores["other"].items()}


def test_the_copy_of_a_model_is_dropped_once_another_is_in_use(owner, other_model):
    made.add_documents(owner, made.clustered(20), rows=5)
    embed_anew(owner, other_model)
    index = FaissIndex()
    found(index, owner)
    OrganizationIndex.objects.update(model=other_model)
    found(index, owner)
    assert set(index._copies) == {(owner.organization_id, other_model)}
    # A question that was asked before the switch is answered, and leaves nothing behind.
    before = get_state(owner.organization_id)
    before.model = "fake"
    assert index.search(QUERY, k=3, state=before, within=Scope(Document.objects.all()))
    assert set(index._copies) == {(owner.organization_id, other_model)}


def test_a_model_that_was_prepared_is_loaded_without_its_rows(owner, other_model):
    made.add_documents(owner, made.clustered(20), rows=5)
    embed_anew(owner, other_model)
    index = FaissIndex()
    index.refresh_snapshot(owner.organization_id)
    index.prepare(owner.organization_id, other_model)
    assert Snapshot(owner.organization_id, "fake").manifest().count == 20
    assert Snapshot(owner.organization_id, other_model).manifest().count == 20
    ChunkEmbedding.objects.update(vector=b"")  # only the snapshots have them now
    for model in ("fake", other_model):
        OrganizationIndex.objects.update(model=model)
        assert found(FaissIndex(), owner) == rows_of(model)


@pytest.mark.django_db(transaction=True)
def test_a_model_that_is_announced_is_loaded_before_the_switch(owner, other_model, settings):
    settings.WARM_UP = True
    made.add_documents(owner, made.clustered(20), rows=5)
    embed_anew(owner, other_model)
    index = FaissIndex()
    OrganizationIndex.objects.update(next_model=other_model, next_is_ready=True)
    assert found(index, owner) == rows_of("fake")
    index.settle()
    organization_id = owner.organization_id
    assert set(index._copies) == {(organization_id, "fake"), (organization_id, other_model)}
    assert found(index, owner) == rows_of("fake")
    OrganizationIndex.objects.update(next_model="", next_is_ready=False, model=other_model)
    with index._load_alone((organization_id, other_model)):  # nothing is loaded any more
        assert found(index, owner) == rows_of(other_model)


# --- memory ---------------------------------------------------------------------------------------
def test_copies_that_wait_longest_are_dropped_when_they_take_too_much(owner, outsider, settings):
    made.add_documents(owner, made.clustered(20), rows=5)
    made.add_documents(outsider, made.clustered(20), rows=5)
    index = FaissIndex()
    for person in (owner, outsider):
        found(index, person)
    assert len(index._copies) == 2
    settings.INDEX_MEMORY_BYTES = 1.5 * sum(c.private_bytes for c in index._copies.values()) / 2
    index.rebuild(owner.organization_id)
    assert {key[0] for key in index._copies} == {owner.organization_id}
    assert found(index, outsider) == rows_of("fake") - found(index, owner)


@pytest.mark.usefixtures("small")
def test_a_large_index_shares_its_vectors_once_a_snapshot_is_there(owner):
    made.add_documents(owner, made.clustered(200), rows=5)
    index = FaissIndex()
    expected = found(index, owner)  # from the rows, and so private until a snapshot is written
    index.settle()
    [copy] = index._copies.values()
    assert copy.private_rows == 0
    assert found(index, owner) == expected == rows_of("fake")


@pytest.mark.usefixtures("small")
def test_a_copy_goes_over_to_a_newer_snapshot_and_keeps_what_changed_since(owner):
    documents = made.add_documents(owner, made.clustered(200), rows=5)
    index, other = FaissIndex(), FaissIndex()
    index.rebuild(owner.organization_id)
    index.settle()
    for document in documents[:20]:
        made.replace_vectors(document, made.clustered(5, seed=3))
    other.rebuild(owner.organization_id)
    written = Snapshot(owner.organization_id, "fake").manifest().version
    made.remove_document(documents[1])
    made.remove_document(documents[30])
    made.replace_vectors(documents[2], made.clustered(3, seed=4))
    made.add_document(owner, made.clustered(4, seed=5))
    assert found(index, owner) == rows_of("fake")
    index.settle()
    [copy] = index._copies.values()
    assert copy.base_version == written < copy.view.version
    assert copy.private_rows < 20
    assert found(index, owner) == rows_of("fake")
    assert index.health(owner.organization_id).faults == 0


@pytest.mark.usefixtures("small")
def test_a_mapped_snapshot_that_is_altered_in_place_is_noticed_at_the_next_search(owner):
    """A search that read the shortened file would end the process."""
    made.add_documents(owner, made.clustered(200), rows=5)
    FaissIndex().rebuild(owner.organization_id)
    index = FaissIndex()
    expected = found(index, owner)
    snapshot = Snapshot(owner.organization_id, "fake")
    for path in (snapshot.folder / snapshot.manifest().folder).iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert found(index, owner) == expected


# --- threads --------------------------------------------------------------------------------------
def test_a_search_waits_for_another_ones_load_only_so_long(owner, settings):
    settings.INDEX_LOAD_TIMEOUT_S = 0.1
    made.add_document(owner, made.clustered(3))
    index = FaissIndex()
    with index._load_alone((owner.organization_id, "fake")), pytest.raises(Unavailable) as caught:
        found(index, owner)
    assert (caught.value.status, caught.value.retry_after_s) == (503, 10)
    assert len(found(index, owner)) == 3


def test_a_search_waits_for_another_ones_changes_only_so_long(owner, settings):
    settings.INDEX_LOAD_TIMEOUT_S = 0.1
    made.add_document(owner, made.clustered(3))
    index = FaissIndex()
    found(index, owner)
    [copy] = index._copies.values()
    made.add_document(owner, made.clustered(3))
    with copy.updating, pytest.raises(Unavailable):
        found(index, owner)
    assert len(found(index, owner)) == 6


def test_what_another_search_loaded_meanwhile_is_brought_up_to_date(owner, monkeypatch):
    """The other one began before the last publication, this one after it."""
    made.add_document(owner, made.clustered(3))
    index = FaissIndex()
    found(index, owner)
    made.add_document(owner, made.clustered(3))
    look, seen = index._copy, []

    def nothing_at_first(key):
        seen.append(key)
        return look(key) if len(seen) > 1 else None

    monkeypatch.setattr(index, "_copy", nothing_at_first)
    assert len(found(index, owner)) == 6


def test_one_organizations_load_keeps_no_other_waiting(owner, outsider):
    made.add_document(outsider, made.clustered(3))
    index = FaissIndex()
    with index._load_alone((owner.organization_id, "fake")):
        assert len(found(index, outsider)) == 3


def test_a_view_shows_one_version_for_as_long_as_it_is_held(owner):
    documents = made.add_documents(owner, made.clustered(30), rows=5)
    index = FaissIndex()
    before = found(index, owner)
    [copy] = index._copies.values()
    view = copy.view
    within = pack("".join(document.pk.hex for document in documents))
    made.replace_vectors(documents[0], made.clustered(9, seed=2))
    made.remove_document(documents[1])
    assert found(index, owner) != before
    held = view.search(QUERY, k=500, within=within, exact_rows=100)
    assert {key for key, _ in held} == before


def test_a_search_in_the_middle_of_a_change_sees_the_version_before(owner, monkeypatch):
    documents = made.add_documents(owner, made.clustered(30), rows=5)
    index = FaissIndex()
    before = found(index, owner)
    [copy] = index._copies.values()
    within = pack("".join(document.pk.hex for document in documents))
    seen = []

    def looking_at_each(step):
        def wrapped(*args):
            seen.append({key for key, _ in copy.search(QUERY, k=500, within=within, exact_rows=99)})
            return step(*args)

        return wrapped

    monkeypatch.setattr(Part, "append", looking_at_each(Part.append))
    monkeypatch.setattr(Documents, "changed", looking_at_each(Documents.changed))
    made.replace_vectors(documents[0], made.clustered(9, seed=2))
    made.replace_vectors(documents[1], made.clustered(4, seed=3))
    made.remove_document(documents[2])
    assert found(index, owner) == rows_of("fake")
    assert len(seen) >= 3
    assert all(ids == before for ids in seen)


@pytest.mark.usefixtures("small")
@pytest.mark.django_db(transaction=True)
def test_searches_while_documents_change_see_each_of_them_whole(owner):
    """A document is always published with vectors of one kind: never is a mixture seen."""
    kinds = [np.tile(made.unit(np.eye(made.DIMENSION)[kind]), (6, 1)) for kind in range(4)]
    documents = [made.add_document(owner, kinds[0]) for _ in range(8)]
    index = FaissIndex()
    query = made.unit(np.array([1.0, 0.75, 0.5, 0.25] + [0] * (made.DIMENSION - 4)))
    expected = sorted({round(float(kind[0] @ query), 4) for kind in kinds})
    over = threading.Event()
    seen: list[str] = []

    def look() -> None:
        try:
            while not over.is_set():
                for document in documents[:2]:
                    hits = made.nearest(index, owner, query, k=50, within=[document])
                    scores = {round(hit.score, 4) for hit in hits}
                    if len(hits) != 6 or len(scores) != 1 or not scores <= set(expected):
                        seen.append(f"{len(hits)} hits with {scores}")
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        looking = [pool.submit(look) for _ in range(3)]
        try:
            for turn in range(60):
                made.replace_vectors_at_once(documents[turn % 3], kinds[turn % 4])
        finally:
            over.set()
        for each in looking:
            each.result()
    index.settle()
    assert seen == []


def test_what_was_asked_before_is_answered_alike_until_documents_change(owner, monkeypatch):
    monkeypatch.setattr(faiss_documents, "KEPT_FROM", 1)
    monkeypatch.setattr(faiss_documents, "KEPT_ANSWERS", 2)
    documents = made.add_documents(owner, made.clustered(20), rows=5)
    index = FaissIndex()
    found(index, owner)
    [copy] = index._copies.values()
    scopes = [pack("".join(d.pk.hex for d in documents[:n])) for n in (1, 2, 3, 4)]

    def rows(within) -> int:
        return len(copy.search(QUERY, k=500, within=within, exact_rows=99))

    assert [rows(scope) for scope in scopes + scopes[::-1]] == [5, 10, 15, 20, 20, 15, 10, 5]
    assert len(copy.view.documents.answers) <= 2
    made.remove_document(documents[0])
    found(index, owner)
    assert [rows(scope) for scope in scopes] == [0, 5, 10, 15]
