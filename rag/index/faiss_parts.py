"""Vectors of many chunks in one piece of memory: compared exactly, or first by one-byte codes."""

from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt

from rag.embedding.base import Vectors

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]

# Rows of one part: so few that two processors share a search evenly, and so many that the calls
# cost nothing beside the comparing.
PART_ROWS = 65_536
# Rows that are added one document at a time have room for so many before the next part begins.
TAIL_ROWS = 16_384
# A component of a vector as a code: -127 to 127.
_LIMIT = 127.0


@dataclass(frozen=True)
class Codes:
    """Vectors rounded to one byte a dimension, and what a component of 127 stands for.

    Nothing is trained: the scale is the largest component among these rows, so a code depends on
    no other row that came or went. A score from codes is off by some 0.001 (MiniLM, measured).

    Attributes:
        index: an IndexScalarQuantizer of the rows, in their order.
        scale: codes a unit.
    """

    index: Any
    scale: float

    @classmethod
    def of(cls, vectors: Vectors) -> Self:
        """Round the vectors, shape (rows, dimension)."""
        import faiss

        index = faiss.IndexScalarQuantizer(
            vectors.shape[1],
            faiss.ScalarQuantizer.QT_8bit_direct_signed,
            faiss.METRIC_INNER_PRODUCT,
        )
        scale = _LIMIT / max(float(np.abs(vectors).max(initial=0.0)), 1e-6)
        for first in range(0, len(vectors), 8_192):  # so that little is copied at once
            index.add(np.rint(vectors[first : first + 8_192] * np.float32(scale)))
        return cls(index, scale)

    @property
    def nbytes(self) -> int:
        return int(self.index.ntotal * self.index.code_size)

    def nearest(
        self, allowed: npt.NDArray[np.bool_], query: Vectors, count: int
    ) -> tuple[Scores, Rows]:
        """Return the `count` nearest of the allowed rows, with their scores by code."""
        import faiss

        bits = np.packbits(allowed, bitorder="little")
        # SECURITY: the selector is what keeps rows of other documents out of the search.
        selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
        # The kernel rounds the query to a byte a dimension as well, so it has to fill the range.
        query_scale = _LIMIT / max(float(np.abs(query).max()), 1e-6)
        scores, rows = self.index.search(
            query[None, :] * np.float32(query_scale),
            count,
            params=faiss.SearchParameters(sel=selector),  # type: ignore[call-arg]
        )
        found = rows[0] >= 0  # FAISS fills up with -1 where it finds fewer
        return scores[0][found] / np.float32(self.scale * query_scale), rows[0][found]

    def differing(self, vectors: Vectors) -> npt.NDArray[np.bool_]:
        """Return which rows' codes are not those of the vectors."""
        import faiss

        held = faiss.vector_to_array(self.index.codes).reshape(len(vectors), -1)
        wanted = np.rint(vectors * np.float32(self.scale)) + (_LIMIT + 1)
        return cast("npt.NDArray[np.bool_]", (held != wanted.astype(np.uint8)).any(axis=1))


class Part:
    """Rows that never change once a search may see them; a tail has room for more behind them.

    Attributes:
        ids: key of each row's chunk.
        vectors: float32 of unit length, shape (room, dimension); private, or mapped from a snapshot
            and then shared by all processes.
        count: rows that are written.
        codes: of all rows; None while there are few or they are not made yet.
    """

    def __init__(
        self,
        ids: Rows,
        vectors: Vectors,
        *,
        count: int | None = None,
        codes: Codes | None = None,
        mapped: bool = False,
    ) -> None:
        self.ids = ids
        self.vectors = vectors
        self.count = len(ids) if count is None else count
        self.codes = codes
        self.mapped = mapped

    @classmethod
    def with_room(cls, rows: int, dimension: int) -> Self:
        """Return an empty part for at least so many rows."""
        room = max(rows, TAIL_ROWS)
        vectors = np.empty((room, dimension), dtype=np.float32)
        return cls(np.empty(room, dtype=np.int64), vectors, count=0)

    @property
    def room(self) -> int:
        """How many more rows can be appended."""
        return len(self.ids) - self.count

    @property
    def private_bytes(self) -> int:
        """Memory that no other process shares."""
        if self.mapped:
            return 0
        codes = self.codes
        a_row = 8 + self.vectors.strides[0]  # rooms that nobody wrote to take none
        return self.count * a_row + (codes.nbytes if codes else 0)

    def append(self, ids: Rows, vectors: Vectors) -> int:
        """Write rows behind those that any search knows of; return where they begin."""
        first, last = self.count, self.count + len(ids)
        self.ids[first:last] = ids
        self.vectors[first:last] = vectors
        self.count = last
        return first

    def add_codes(self) -> None:
        """Make the codes of a part that gets no more rows."""
        self.codes = Codes.of(self.vectors[: self.count])

    def scores(self, rows: Rows, query: Vectors) -> Scores:
        """Return the cosine of each of the rows, which alone are read."""
        import faiss

        scores = np.empty(len(rows), dtype=np.float32)
        faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]
            faiss.swig_ptr(scores),
            faiss.swig_ptr(query),
            faiss.swig_ptr(self.vectors),
            faiss.swig_ptr(rows),
            len(query),
            1,
            len(rows),
        )
        return scores

    def nearest(
        self, starts: Rows, counts: Rows, query: Vectors, *, count: int, exact: bool
    ) -> tuple[Scores, Rows]:
        """Return the `count` nearest rows of the given runs; scores by code unless `exact`."""
        codes = self.codes
        if not exact and codes is not None:
            allowed = _mask(starts, counts, codes.index.ntotal)
            return codes.nearest(allowed, query, min(count, int(counts.sum())))
        rows = spread(starts, counts)
        scores = self.scores(rows, query)
        if len(rows) > count:
            best = np.argpartition(-scores, count - 1)[:count]
            scores, rows = scores[best], rows[best]
        return scores, rows


def use_one_thread() -> None:
    """Keep FAISS, in this thread, from sharing out a query: the others would only wait."""
    import faiss

    faiss.omp_set_num_threads(1)


def spread(starts: Rows, counts: Rows) -> Rows:
    """Return every row of the runs that begin at `starts` and have so many rows."""
    before = np.cumsum(counts) - counts
    rows = np.arange(int(counts.sum()), dtype=np.int64)
    return cast("Rows", rows + np.repeat(starts - before, counts))


def _mask(starts: Rows, counts: Rows, size: int) -> npt.NDArray[np.bool_]:
    """Return which of `size` rows lie in one of the runs, which do not overlap."""
    steps = np.zeros(size + 1, dtype=np.int8)
    steps[starts] = 1
    steps[starts + counts] -= 1  # where one run ends and the next begins, nothing changes
    return np.cumsum(steps[:size], dtype=np.int8).view(np.bool_)
