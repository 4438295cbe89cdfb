"""Above VECTOR_EXACT_ROWS: candidates by one-byte codes, then every one compared exactly."""

from contextlib import ExitStack

import numpy as np
import pytest

from rag.index.faiss_documents import pack
from rag.index.faiss_index import FaissIndex
from rag.index.faiss_parts import Codes, Part
from rag.index.faiss_view import Block, View
from rag.index.versions import get_state
from rag.tests import vectors as made

ROWS, PART, A_DOCUMENT = 40_000, 8_192, 10


@pytest.fixture(scope="module")
def large():
    """A view of 2,000 documents in parts with codes, its vectors, and the documents' ids."""
    vectors = made.clustered(ROWS, clusters=50)
    keys = [f"{number:032x}" for number in range(ROWS // A_DOCUMENT)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("rag.index.faiss_view.PART_ROWS", PART)
        counts = np.full(len(keys), A_DOCUMENT)
        block = Block(pack("".join(keys)), counts, np.arange(ROWS), vectors)
        view = View.of(block, version=1, token=None)
    for part in view.parts:
        part.add_codes()
    assert len(view.parts) == 5
    return view, vectors, np.array(keys)


@pytest.mark.parametrize("share", [0.0005, 0.001, 0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("k", [10, 100])
def test_recall_at_ten_is_at_least_098_however_few_may_be_read(large, share, k):
    view, vectors, keys = large
    rng = np.random.default_rng(5)
    recalled = wanted = 0
    for query in made.clustered(20, seed=8, clusters=50):
        documents = rng.choice(len(keys), max(1, int(share * len(keys))), replace=False)
        rows = (documents[:, None] * A_DOCUMENT + np.arange(A_DOCUMENT)).ravel()
        best = rows[np.argsort(-(vectors[rows] @ query), kind="stable")[:10]]
        within = pack("".join(keys[documents]))
        hits = view.search(query, k=k, within=within, exact_rows=0)
        assert {key for key, _ in hits} <= set(rows.tolist())
        assert len(hits) == min(k, len(rows))
        recalled += len(set(best.tolist()) & {key for key, _ in hits[:10]})
        wanted += len(best)
        scores = [score for _, score in hits]
        np.testing.assert_allclose(scores, vectors[[key for key, _ in hits]] @ query, atol=1e-6)
        assert scores == sorted(scores, reverse=True)
    assert recalled / wanted >= 0.98


def test_few_allowed_rows_are_all_compared_even_where_there_are_codes(large, monkeypatch):
    view, vectors, keys = large
    monkeypatch.setattr(Codes, "nearest", None)  # would fail if it were asked
    hits = view.search(vectors[0], k=5, within=pack("".join(keys[:3])), exact_rows=30)
    assert hits[0] == (0, pytest.approx(1.0))


@pytest.mark.parametrize("dimension", [1, 7, 64, 100, 384])
@pytest.mark.parametrize("kind", ["spread", "one component", "same"])
def test_a_score_by_code_is_near_the_cosine(dimension, kind):
    rng = np.random.default_rng(dimension)
    vectors = rng.standard_normal((300, dimension))
    if kind == "one component":
        vectors = np.eye(dimension)[rng.integers(0, dimension, 300)]
    elif kind == "same":
        vectors[:] = vectors[0]
    vectors, query = made.unit(vectors), made.unit(rng.standard_normal(dimension))
    scores, rows = Codes.of(vectors).nearest(np.ones(300, dtype=bool), query, 300)
    assert sorted(rows.tolist()) == list(range(300))
    np.testing.assert_allclose(scores, vectors[rows] @ query, atol=0.02)


def test_no_row_outside_the_selection_is_a_candidate():
    vectors = made.clustered(1000, clusters=1)
    allowed = np.zeros(1000, dtype=bool)
    allowed[[3, 500, 999]] = True
    _, rows = Codes.of(vectors).nearest(allowed, vectors[4], 10)
    assert sorted(rows.tolist()) == [3, 500, 999]


def test_an_index_moves_to_codes_by_itself_and_back_to_comparing_all(owner):
    with ExitStack() as stack:
        for patch in made.small_parts(exact_rows=60):
            stack.enter_context(patch)
        index = FaissIndex()
        documents = made.add_documents(owner, made.clustered(50), rows=5)
        health = index.health(owner.organization_id)
        assert health.index_type == "Flat"
        documents += made.add_documents(owner, made.clustered(50, seed=2), rows=5)
        made.nearest(index, owner, made.clustered(1)[0], k=3, within=documents)
        index.settle()
        assert index.health(owner.organization_id).index_type != "Flat"
        [copy] = index._copies.values()
        assert any(part.codes for part in copy.view.parts)
        for document in documents[:15]:
            made.remove_document(document)
        assert index.health(owner.organization_id).index_type == "Flat"


def test_a_code_that_is_not_its_vectors_is_found_by_the_check(owner):
    with ExitStack() as stack:
        for patch in made.small_parts():
            stack.enter_context(patch)
        index = FaissIndex()
        made.add_documents(owner, made.clustered(40), rows=5)
        index.rebuild(owner.organization_id)
        index.settle()
        [copy] = index._copies.values()
        part = copy.view.parts[1]
        part.codes = Codes.of(np.roll(part.vectors, 1, axis=0))
        health = index.health(owner.organization_id)
        assert health.altered == part.count
        assert health.missing == health.extra == 0
        index.rebuild(owner.organization_id)
        assert index.health(owner.organization_id).faults == 0
    assert get_state(owner.organization_id).version == 8


def test_a_tail_that_still_gets_rows_has_no_codes(owner):
    part = Part.with_room(1, 8)
    assert part.room > 0
    assert part.codes is None
