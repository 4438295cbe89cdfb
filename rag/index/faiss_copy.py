"""One process's copy of one index, in memory: vectors, and which document each belongs to."""

import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from rag.embedding.base import Vectors

if TYPE_CHECKING:
    from rag.index.faiss_snapshot import Snapshot, StoredIndex

# Removed rows stay until they are this share of all and this many: taking one out of a flat index
# moves every row behind it. The selector leaves them out of every search meanwhile.
COMPACT_SHARE = 0.25
COMPACT_ROWS = 1_000

Row = tuple[int, uuid.UUID, bytes | memoryview]  # id, document, float32 little endian
Rows = Sequence[Row]


class IndexCopy:
    """`IndexIDMap2(IndexFlatIP)` and, by row, the id and the document.

    Searches run side by side; a change waits for them and they for it.

    Attributes:
        version: of the database, up to which changes are in.
        updating: held by the thread that applies changes.
    """

    def __init__(self, *, model: str, dimension: int, version: int) -> None:
        import faiss

        faiss.omp_set_num_threads(1)  # one query has nothing to share out; the threads only wait
        self.model = model
        self.dimension = dimension
        self.version = version
        self.updating = threading.Lock()
        self._gate = _ReadWriteLock()
        self._faiss: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._ids = _Column(np.int64)
        self._documents = _Column(np.int32)  # ordinal of the row's document; -1: removed
        self._ordinals: dict[str, int] = {}
        self._rows: defaultdict[int, list[int]] = defaultdict(list)  # by the document's ordinal
        self._removed = 0

    def search(self, vector: Vectors, *, k: int, within: frozenset[str]) -> list[tuple[int, float]]:
        """Return (id, cosine) of the k nearest rows of the documents in `within`."""
        import faiss

        with self._gate.reading():
            allowed = self._allowed(within)
            count = int(allowed.sum())
            if not count:
                return []
            # SECURITY: the selector is what keeps rows of other documents out of the search.
            selector, keep_alive = _selector(self._ids.view[allowed])
            scores, ids = self._faiss.search(
                np.ascontiguousarray(vector[None, :], dtype=np.float32),
                min(k, count),
                params=faiss.SearchParameters(sel=selector),  # type: ignore[call-arg]
            )
            del keep_alive
        # FAISS fills up with -1 where it finds fewer than k.
        return [(int(i), float(s)) for i, s in zip(ids[0], scores[0], strict=True) if i != -1]

    def keys(self) -> set[int]:
        """Return the ids of all rows that are not removed."""
        with self._gate.reading():
            return set(self._ids.view[self._documents.view >= 0].tolist())

    def add(self, rows: Rows) -> None:
        """Append (id, document, float32 bytes) rows."""
        with self._gate.writing():
            self._append_rows(rows)

    def replace(self, documents: set[str], rows: Rows, *, version: int) -> None:
        """Drop every row of the documents, append the given ones, and be at `version`."""
        with self._gate.writing():  # one step: no search sees the document half way
            self._drop(documents)
            self._append_rows(rows)
            self.version = version
        if self._removed > max(COMPACT_ROWS, COMPACT_SHARE * len(self._ids.view)):
            self._compact()

    def take_over(
        self, stored: "StoredIndex", documents: Mapping[int, uuid.UUID]
    ) -> dict[int, uuid.UUID]:
        """Take the stored vectors of the rows in `documents`; return the rows still missing.

        Ids are never reused, so a vector that is stored under an id is that row's.
        """
        kept = np.fromiter((key in documents for key in stored.ids.tolist()), bool)
        ids = stored.ids[kept].tolist()
        with self._gate.writing():
            self._append(ids, [documents[key].hex for key in ids], stored.vectors[kept])
        found = set(ids)
        return {key: document for key, document in documents.items() if key not in found}

    def save(self, snapshot: "Snapshot") -> None:
        """Write ids and vectors of the rows that are not removed."""
        with self._gate.reading():
            snapshot.save(
                self._faiss if not self._removed else self._without_removed(),
                model=self.model,
                dimension=self.dimension,
                version=self.version,
            )

    def _allowed(self, within: frozenset[str]) -> npt.NDArray[np.bool_]:
        """Return which rows belong to the documents in `within`."""
        # One entry more, for the ordinal -1 of removed rows: it is never allowed.
        table = np.zeros(len(self._ordinals) + 1, dtype=bool)
        ordinals = self._ordinals
        table[[ordinals[key] for key in within if key in ordinals]] = True
        return cast("npt.NDArray[np.bool_]", table[self._documents.view])

    def _append_rows(self, rows: Rows) -> None:
        vectors = np.frombuffer(b"".join(bytes(row[2]) for row in rows), dtype="<f4")
        vectors = vectors.reshape(len(rows), self.dimension)
        self._append([row[0] for row in rows], [row[1].hex for row in rows], vectors)

    def _append(self, ids: list[int], documents: list[str], vectors: Vectors) -> None:
        if not ids:
            return
        self._faiss.add_with_ids(
            np.ascontiguousarray(vectors, dtype=np.float32), np.asarray(ids, dtype=np.int64)
        )
        first = len(self._ids.view)
        self._ids.extend(ids)
        for row, key in enumerate(documents, start=first):
            self._rows[self._ordinals.setdefault(key, len(self._ordinals))].append(row)
        self._documents.extend([self._ordinals[key] for key in documents])

    def _drop(self, documents: set[str]) -> None:
        """Mark the documents' rows as removed, so that nothing selects them."""
        for key in documents:
            rows = self._rows.pop(self._ordinals.get(key, -1), [])
            self._documents.view[rows] = -1
            self._removed += len(rows)

    def _without_removed(self) -> Any:
        import faiss

        kept = self._documents.view >= 0
        rows = np.flatnonzero(kept)
        flat: Any = faiss.downcast_index(self._faiss.index)
        index = faiss.IndexIDMap2(faiss.IndexFlatIP(self.dimension))
        vectors = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * self.dimension)
        index.add_with_ids(
            vectors.reshape(flat.ntotal, self.dimension)[rows], self._ids.view[rows].copy()
        )
        return index

    def _compact(self) -> None:
        with self._gate.writing():
            compacted = self._without_removed()
            kept = self._documents.view >= 0
            self._ids.keep(kept)
            self._documents.keep(kept)
            self._faiss = compacted
            self._removed = 0
            self._rows.clear()
            for row, ordinal in enumerate(self._documents.view.tolist()):
                self._rows[ordinal].append(row)


def _selector(ids: npt.NDArray[np.int64]) -> tuple[Any, npt.NDArray[np.uint8]]:
    """Return a bitmap selector of the ids, and its memory, which must outlive the search."""
    import faiss

    bits = np.zeros(int(ids.max()) + 1, dtype=bool)
    bits[ids] = True
    packed = np.packbits(bits, bitorder="little")
    return faiss.IDSelectorBitmap(len(packed), faiss.swig_ptr(packed)), packed


class _Column:
    """A growing array: appending n values costs n, whatever is there already."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._values: npt.NDArray[Any] = np.empty(1024, dtype=dtype)
        self._count = 0

    @property
    def view(self) -> npt.NDArray[Any]:
        """The values, as a view that can be written to."""
        return self._values[: self._count]

    def extend(self, values: Sequence[int]) -> None:
        needed = self._count + len(values)
        if needed > len(self._values):
            grown = np.empty(max(needed, 2 * len(self._values)), dtype=self._values.dtype)
            grown[: self._count] = self.view
            self._values = grown
        self._values[self._count : needed] = values
        self._count = needed

    def keep(self, mask: npt.NDArray[np.bool_]) -> None:
        self._values = self.view[mask].copy()
        self._count = len(self._values)


class _ReadWriteLock:
    """Many readers or one writer; a waiting writer goes before new readers."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._readers = 0
        self._writers_waiting = 0
        self._writing = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: not (self._writing or self._writers_waiting))
            self._readers += 1
        try:
            yield
        finally:
            with self._condition:
                self._readers -= 1
                self._condition.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._condition:
            self._writers_waiting += 1
            self._condition.wait_for(lambda: not (self._writing or self._readers))
            self._writers_waiting -= 1
            self._writing = True
        try:
            yield
        finally:
            with self._condition:
                self._writing = False
                self._condition.notify_all()
