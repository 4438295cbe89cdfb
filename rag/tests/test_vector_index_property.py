"""Whatever happened before, a search equals a comparison with every row, by either structure."""

import uuid
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import Organization, User
from documents.models import Document
from rag.index.faiss_index import FaissIndex
from rag.tests import vectors as made

SIZES = st.integers(0, 6)
STEP = st.tuples(
    st.sampled_from(
        ["publish", "publish", "publish", "republish", "delete", "snapshot", "restart", "rebuild"]
    ),
    SIZES,
)


class _Steps:
    """Does steps in one process and looks at them from two."""

    def __init__(self, seed: int) -> None:
        self.owner = User.objects.create_user(
            f"{uuid.uuid4().hex}@acme.test",
            None,
            organization=Organization.objects.create(name=f"Acme {uuid.uuid4()}"),
            role="admin",
        )
        self.rng = np.random.default_rng(seed)
        self.processes = [FaissIndex(), FaissIndex()]
        self.documents: list[Document] = []

    def take(self, action: str, size: int) -> None:
        vectors = made.clustered(size, seed=int(self.rng.integers(1 << 30)), clusters=4)
        some = self.documents[self.rng.integers(len(self.documents))] if self.documents else None
        if action == "publish":
            self.documents.append(made.add_document(self.owner, vectors))
        elif action == "republish" and some:
            made.replace_vectors(some, vectors)
        elif action == "delete" and some:
            made.remove_document(some)
            self.documents = [document for document in self.documents if document.pk]
        elif action == "snapshot":
            self.processes[0].refresh_snapshot(self.owner.organization_id)
        elif action == "rebuild":
            self.processes[0].rebuild(self.owner.organization_id)
        elif action == "restart":
            self.processes[1] = FaissIndex()

    def compare(self, share: float) -> None:
        """Look for everything, and for the five nearest, in some of the documents."""
        within = [document for document in self.documents if self.rng.random() < share]
        query = made.clustered(1, seed=int(self.rng.integers(1 << 30)))[0]
        expected = made.brute_force(query, within=within)
        for process in self.processes:
            hits = made.nearest(process, self.owner, query, k=500, within=within)
            assert {hit.chunk_id for hit in hits} == {key for key, _ in expected}
            assert len(hits) == len(expected)
            scores = [score for _, score in expected]
            np.testing.assert_allclose([hit.score for hit in hits], scores, atol=1e-5)
            few = made.nearest(process, self.owner, query, k=5, within=within)
            np.testing.assert_allclose([hit.score for hit in few], scores[:5], atol=1e-5)
            process.settle()


@pytest.mark.parametrize("exact_rows", [10_000, 0], ids=["exact", "by codes"])
def test_the_structure_is_the_one_that_is_meant(owner, exact_rows):
    with ExitStack() as stack:
        for patch in made.small_parts(exact_rows=exact_rows):
            stack.enter_context(patch)
        index = FaissIndex()
        made.add_documents(owner, made.clustered(100), rows=5)
        made.nearest(index, owner, made.clustered(1)[0], k=5, within=[])
        index.rebuild(owner.organization_id)
        index.settle()
        [copy] = index._copies.values()
        coded = [part.codes is not None for part in copy.view.parts]
        assert len(coded) > 3
        assert all(coded) if not exact_rows else not any(coded)


class SearchEqualsBruteForce(TestCase):
    def run_steps(self, exact_rows: int, steps: list[tuple[str, int]], seed: int) -> None:
        with ExitStack() as stack:
            for patch in made.small_parts(exact_rows=exact_rows):
                stack.enter_context(patch)
            stack.enter_context(made.recent_changes_kept(3))
            taken = _Steps(seed)
            for number, (action, size) in enumerate(steps):
                taken.take(action, size)
                taken.compare([0.3, 1.0, 0.0][number % 3])

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=st.lists(STEP, min_size=1, max_size=25), seed=st.integers(0, 1 << 30))
    def test_when_every_row_is_compared(self, steps, seed):
        self.run_steps(10_000, steps, seed)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=st.lists(STEP, min_size=1, max_size=25), seed=st.integers(0, 1 << 30))
    def test_when_candidates_are_found_by_codes(self, steps, seed):
        self.run_steps(0, steps, seed)
