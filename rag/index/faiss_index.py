"""Nearest vectors with FAISS: each process keeps copies in memory that follow the database."""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging import getLogger

import numpy as np
from django.conf import settings
from django.db import connection

from knowledge.lib.errors import Unavailable
from rag.embedding.base import Vectors
from rag.embedding.registry import get_embedder
from rag.index.base import Hit, IndexHealth, VectorIndex
from rag.index.faiss_copy import Base, IndexCopy
from rag.index.faiss_documents import pack
from rag.index.faiss_health import compare_with_rows, with_snapshot
from rag.index.faiss_parts import TAIL_ROWS
from rag.index.faiss_rows import read_index
from rag.index.faiss_snapshot import MAPPED_ROWS, Snapshot, model_of, organization_folder, remove
from rag.index.faiss_steps import catch_up, continues, is_complete
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.models import ChunkEmbedding, OrganizationIndex

logger = getLogger("knowledge.index")

# A snapshot is written anew when the changes since are this share of it, at so many rows a change.
SNAPSHOT_LAG = 0.1
ROWS_A_CHANGE = 20
# A health check whose rows changed under it is begun again, so many times.
CHECKS = 3
# Rows that only this process holds are worth a look at the snapshot above this share.
PRIVATE_SHARE = 0.1

CopyKey = tuple[uuid.UUID, str]  # organization, model


class IndexLoading(Unavailable):
    """Another request is loading the index, and takes longer than anybody should wait."""

    retry_after_s = 10

    def __init__(self) -> None:
        super().__init__(
            "The search index is being loaded. Try again in a moment.",
            details={"retry_after_s": self.retry_after_s},
        )


class FaissIndex(VectorIndex):
    """Copies by organization and model, compared with the database's version before each search."""

    def __init__(self) -> None:
        self._copies: OrderedDict[CopyKey, IndexCopy] = OrderedDict()  # the last used comes last
        self._loading: dict[CopyKey, threading.Lock] = {}
        self._guard = threading.Lock()  # of both; held for moments only
        self._chores: list[threading.Thread] = []

    def search(
        self, vector: Vectors, *, k: int, state: OrganizationIndex, within: Scope
    ) -> list[Hit]:
        if not within:
            return []
        query = np.ascontiguousarray(vector, dtype=np.float32)
        found = self._current(state).search(
            query, k=k, within=pack(within.digits), exact_rows=settings.VECTOR_EXACT_ROWS
        )
        return [Hit(key, score) for key, score in found]

    def rebuild(self, organization_id: uuid.UUID) -> None:
        state = get_state(organization_id)
        with self._load_alone((state.pk, state.model)):
            copy = self._from_rows(state, state.model)
            self._keep(copy, state)
        self._save(copy, Snapshot(state.pk, state.model), wait=True)
        self._tidy_up(copy, state.pk, save=False)

    def prepare(self, organization_id: uuid.UUID, model: str) -> None:
        state = get_state(organization_id)
        copy = self._from_rows(state, model)
        self._save(copy, Snapshot(organization_id, model), wait=True)

    def warm_up(self, state: OrganizationIndex) -> None:
        self._current(state)

    def forget(self, organization_id: uuid.UUID) -> None:
        with self._guard:
            for key in [key for key in self._copies if key[0] == organization_id]:
                del self._copies[key]

    def discard(self, organization_id: uuid.UUID) -> None:
        self.settle()  # or a snapshot that is being written would stay
        self.forget(organization_id)
        remove(organization_folder(organization_id))

    def refresh_snapshot(self, organization_id: uuid.UUID) -> None:
        state = get_state(organization_id)
        self._remove_old_models(state)
        snapshot = Snapshot(organization_id, state.model)
        manifest = snapshot.manifest()
        if manifest is None and not state.version:
            return
        if manifest is not None and continues(manifest.version, uuid.UUID(manifest.token), state):
            # Writing costs as much as the index is large: a larger one may lag further.
            lag = state.version - manifest.version
            if lag * ROWS_A_CHANGE <= manifest.count * SNAPSHOT_LAG:
                return
        self._save(self._current(state), snapshot)
        self._drop((organization_id, state.model))  # a worker searches nothing

    def health(self, organization_id: uuid.UUID) -> IndexHealth:
        for _ in range(CHECKS):
            state = get_state(organization_id)
            copy = self._current(state)
            health = compare_with_rows(copy, state, settings.VECTOR_EXACT_ROWS)
            if health.in_memory_version == get_state(organization_id).version:
                break
        return with_snapshot(health, Snapshot(organization_id, copy.model), state, copy.dimension)

    def settle(self) -> None:
        """Wait until what was begun in the background is done."""
        for chore in self._chores:
            chore.join()

    # --- copies ---------------------------------------------------------------------------------

    def _current(self, state: OrganizationIndex) -> IndexCopy:
        """Return this process's copy for the model of `state`, at the database's version.

        Raises:
            IndexLoading: others load or change it for longer than `INDEX_LOAD_TIMEOUT_S`.
        """
        self._load_next_model(state)
        key = (state.pk, state.model)
        copy = self._copy(key)
        if copy is not None and self._follow(copy, state):
            return copy
        with self._load_alone(key):
            fresh = self._copy(key)
            # Another thread may have loaded it meanwhile, for a search that began before this one.
            if fresh is None or fresh is copy or not self._follow(fresh, state):
                fresh = self._load(state)
                self._keep(fresh, state)
        self._tidy_up(fresh, state.pk, save=fresh.files is None)
        return fresh

    def _copy(self, key: CopyKey) -> IndexCopy | None:
        """Return the copy if it can be used, as the last one used."""
        with self._guard:
            copy = self._copies.get(key)
            if copy is not None:
                self._copies.move_to_end(key)
        if copy is not None and copy.files is not None and not copy.files.intact():
            logger.error("snapshot altered while in use", extra={"model": copy.model})
            return None
        return copy

    def _follow(self, copy: IndexCopy, state: OrganizationIndex) -> bool:
        """Bring the copy to the database's version; False when it cannot be told how."""
        if copy.is_at(state.version, state.token):
            return True
        if not copy.updating.acquire(timeout=settings.INDEX_LOAD_TIMEOUT_S):
            raise IndexLoading
        try:
            # Another thread may have gone further meanwhile than the caller had read.
            followed = catch_up(copy, OrganizationIndex.objects.get(pk=state.pk))
        finally:
            copy.updating.release()
        if followed:
            self._tidy_up(copy, state.pk)
        return followed

    def _load(self, state: OrganizationIndex) -> IndexCopy:
        """Return a new copy: from the snapshot, or from the rows where that does not lead here."""
        copy = self._from_snapshot(state)
        return copy if copy is not None else self._from_rows(state, state.model)

    def _from_snapshot(self, state: OrganizationIndex) -> IndexCopy | None:
        dimension = get_embedder(state.model).dimension
        base = Snapshot(state.pk, state.model).load(dimension)
        if base is None:
            return None
        copy = IndexCopy(base, model=state.model, dimension=dimension)
        now = OrganizationIndex.objects.get(pk=state.pk)
        if catch_up(copy, now) and is_complete(copy, now):
            return copy
        logger.warning("snapshot of another history", extra={"version": base.version})
        return None

    def _from_rows(self, state: OrganizationIndex, model: str) -> IndexCopy:
        """Return a new copy at the version of `state`.

        That was read before the rows are, so that a change in between is applied once more rather
        than never.
        """
        dimension = get_embedder(model).dimension
        block = read_index(state.pk, model, dimension)
        return IndexCopy(Base(state.version, state.token, block), model=model, dimension=dimension)

    def _keep(self, copy: IndexCopy, state: OrganizationIndex) -> None:
        """Hold the copy for the next search, unless its model is no longer the organization's.

        Copies of models that went out of use are dropped, and beyond `INDEX_MEMORY_BYTES` those
        that nobody asked about for longest.
        """
        now = OrganizationIndex.objects.get(pk=state.pk)
        in_use = {now.model, now.next_model}
        with self._guard:
            for key in [key for key in self._copies if key[0] == state.pk and key[1] not in in_use]:
                del self._copies[key]
            if copy.model in in_use:
                self._copies[state.pk, copy.model] = copy
                self._copies.move_to_end((state.pk, copy.model))
            used = sum(held.private_bytes for held in self._copies.values())
            while used > settings.INDEX_MEMORY_BYTES and len(self._copies) > 1:
                used -= self._copies.popitem(last=False)[1].private_bytes

    def _drop(self, key: CopyKey) -> None:
        with self._guard:
            self._copies.pop(key, None)

    @contextmanager
    def _load_alone(self, key: CopyKey) -> Iterator[None]:
        """Let one thread load an index: the others would only do the same work again."""
        with self._guard:
            lock = self._loading.setdefault(key, threading.Lock())
        if not lock.acquire(timeout=settings.INDEX_LOAD_TIMEOUT_S):
            raise IndexLoading
        try:
            yield
        finally:
            lock.release()

    # --- chores, none of which a search waits for -----------------------------------------------

    def _save(self, copy: IndexCopy, snapshot: Snapshot, *, wait: bool = False) -> bool:
        return snapshot.save(
            copy.view, copy.dimension, exact_rows=settings.VECTOR_EXACT_ROWS, wait=wait
        )

    def _remove_old_models(self, state: OrganizationIndex) -> None:
        """Remove what is kept for models that have no embeddings any more, or by older versions."""
        folder = organization_folder(state.pk)
        if not folder.is_dir():
            return
        for path in folder.iterdir():
            model = model_of(path)
            if model not in {state.model, state.next_model} and (
                not path.is_dir() or not ChunkEmbedding.objects.of_index(state.pk, model).exists()
            ):
                remove(path)

    def _tidy_up(self, copy: IndexCopy, organization_id: uuid.UUID, *, save: bool = False) -> None:
        """Begin in the background what makes searches faster and memory less, if there is any.

        Args:
            save: write a snapshot, so that the rows can be shared with other processes.
        """
        exact_rows = settings.VECTOR_EXACT_ROWS
        rows = copy.view.rows
        is_large = copy.private_rows > max(TAIL_ROWS, PRIVATE_SHARE * rows)
        if not is_large and not (rows > exact_rows and copy.lacks_codes):
            return

        def chore() -> None:
            snapshot = Snapshot(organization_id, copy.model)
            if save and rows > MAPPED_ROWS:
                self._save(copy, snapshot)
            _adopt(copy, snapshot)
            copy.repack()
            if copy.view.rows > exact_rows:
                copy.add_codes()

        self._start(f"index-{organization_id}-{copy.model}", chore)

    def _load_next_model(self, state: OrganizationIndex) -> None:
        """Load in the background what will be searched after the announced switch."""
        if not settings.WARM_UP or not state.next_is_ready:
            return
        key = (state.pk, state.next_model)
        if key not in self._copies:
            coming = OrganizationIndex(
                pk=state.pk, version=state.version, token=state.token, model=state.next_model
            )
            self._start(f"index-{state.pk}-{state.next_model}", lambda: self.warm_up(coming))

    def _start(self, name: str, work: Callable[[], object]) -> None:
        """Do the work in a thread of this name, unless one is at it."""

        def chore() -> None:
            try:
                work()
            except Exception as error:  # the thread's edge: searches go on with what they have
                logger.error("chore of the index failed", exc_info=error)
            finally:
                connection.close()

        with self._guard:
            self._chores = [chore for chore in self._chores if chore.is_alive()]
            if all(thread.name != name for thread in self._chores):
                thread = threading.Thread(target=chore, name=name, daemon=True)
                self._chores.append(thread)
                thread.start()


def _adopt(copy: IndexCopy, snapshot: Snapshot) -> None:
    """Share the rows of a snapshot that is newer than the copy's base, or not private like that."""
    manifest = snapshot.manifest()
    if manifest is None or manifest.count <= MAPPED_ROWS:
        return
    is_newer = manifest.version > copy.base_version or copy.files is None
    if is_newer and copy.has_been_at(manifest.version, uuid.UUID(manifest.token)):
        base = snapshot.load(copy.dimension)
        if base is not None:
            copy.rebase(base)
