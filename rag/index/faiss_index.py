"""Exact nearest vectors with FAISS: each process keeps a copy that follows the database."""

import threading
import uuid

from rag.embedding.base import Vectors
from rag.embedding.registry import get_embedder
from rag.index.base import Hit, IndexHealth, VectorIndex
from rag.index.faiss_copy import IndexCopy, Row
from rag.index.faiss_snapshot import Snapshot
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.models import ChunkEmbedding, IndexChange, OrganizationIndex

# A snapshot is written anew when the changes since are this share of it, at so many rows a change.
SNAPSHOT_LAG = 0.1
ROWS_A_CHANGE = 20


class FaissIndex(VectorIndex):
    """One copy an organization, compared with the database's version before each search."""

    def __init__(self) -> None:
        self._copies: dict[uuid.UUID, IndexCopy] = {}
        self._loading = threading.Lock()

    def search(
        self, vector: Vectors, *, k: int, state: OrganizationIndex, within: Scope
    ) -> list[Hit]:
        if not within.keys:
            return []
        found = self._current(state).search(vector, k=k, within=within.keys)
        return [Hit(key, score) for key, score in found]

    def rebuild(self, organization_id: uuid.UUID) -> None:
        state = get_state(organization_id)
        with self._loading:
            self._copies[organization_id] = self._load(state, from_snapshot=False)
        self._current(state).save(Snapshot(organization_id))

    def warm_up(self, state: OrganizationIndex) -> None:
        self._current(state)

    def refresh_snapshot(self, organization_id: uuid.UUID) -> None:
        state = get_state(organization_id)
        snapshot = Snapshot(organization_id)
        manifest = snapshot.manifest()
        if manifest is not None and manifest.model == state.model:
            # Writing costs as much as the index is large: a larger one may lag further.
            lag = state.version - manifest.version
            if lag >= 0 and lag * ROWS_A_CHANGE <= manifest.count * SNAPSHOT_LAG:
                return
        elif not state.version:
            return
        self._current(state).save(snapshot)
        self._forget(organization_id)

    def health(self, organization_id: uuid.UUID) -> IndexHealth:
        copy = self._current(get_state(organization_id))
        rows = ChunkEmbedding.objects.of_index(organization_id, copy.model)
        expected = set(rows.values_list("chunk_id", flat=True))
        return IndexHealth.compare(
            "faiss",
            index_type="Flat",
            expected=expected,
            held=sorted(copy.keys()),
            in_memory_version=copy.version,
            model=copy.model,
            dimension=copy.dimension,
        )

    def _forget(self, organization_id: uuid.UUID) -> None:
        """Drop this process's copy: a worker searches nothing."""
        with self._loading:
            self._copies.pop(organization_id, None)

    def _current(self, state: OrganizationIndex) -> IndexCopy:
        """Return this process's copy, brought to the database's version."""
        organization_id = state.pk
        copy = self._copies.get(organization_id)
        if copy is not None and copy.model == state.model and self._is_current(copy, state):
            return copy
        with self._loading:
            fresh = self._copies.get(organization_id)
            if fresh is None or fresh is copy:  # nobody loaded it while this thread waited
                fresh = self._copies[organization_id] = self._load(state, from_snapshot=True)
        return fresh

    def _is_current(self, copy: IndexCopy, state: OrganizationIndex) -> bool:
        return copy.version == state.version or self._apply_changes(copy, state)

    def _apply_changes(self, copy: IndexCopy, state: OrganizationIndex) -> bool:
        """Take each document that changed anew; False when the steps are no longer all kept.

        Reading a document later than its change is harmless: what it reads then is newer, and the
        newer change takes it once more.
        """
        with copy.updating:
            state.refresh_from_db()  # another thread may have gone further meanwhile
            behind = state.version - copy.version
            if behind <= 0:
                return behind == 0  # less than zero: a backup of the database was restored
            changed = list(
                IndexChange.objects.filter(
                    organization_id=state.pk, version__gt=copy.version, version__lte=state.version
                ).values_list("document_id", flat=True)
            )
            if len(changed) != behind:
                return False
            rows = ChunkEmbedding.objects.of_index(state.pk, copy.model)
            documents = set(changed)
            copy.replace(
                {document.hex for document in documents},
                list(
                    rows.filter(document_id__in=documents).values_list(
                        "chunk_id", "document_id", "vector"
                    )
                ),
                version=state.version,
            )
        return True

    def _load(self, state: OrganizationIndex, *, from_snapshot: bool) -> IndexCopy:
        """Fill a copy from the rows, with the vectors of the snapshot where it has them.

        The version is read before the rows, so that a change in between is applied once more
        rather than never.
        """
        dimension = get_embedder(state.model).dimension
        copy = IndexCopy(model=state.model, dimension=dimension, version=state.version)
        rows = ChunkEmbedding.objects.of_index(state.pk, state.model)
        documents = dict(rows.values_list("chunk_id", "document_id"))
        stored = Snapshot(state.pk).load(model=state.model, dimension=dimension)
        if stored is not None and from_snapshot and stored.version <= state.version:
            documents = copy.take_over(stored, documents)
        missing = rows.filter(chunk_id__in=documents) if len(documents) < 500 else rows
        batch: list[Row] = []
        for row in missing.values_list("chunk_id", "document_id", "vector").iterator(
            chunk_size=5_000
        ):
            if row[0] in documents:
                batch.append(row)
            if len(batch) == 5_000:
                copy.add(batch)
                batch = []
        copy.add(batch)
        return copy
