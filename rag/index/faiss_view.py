"""What searches see: all rows of one version of an index, which no change touches any more."""

import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np

from rag.embedding.base import Vectors
from rag.index.faiss_documents import Documents, Ints, Keys, Runs
from rag.index.faiss_parts import PART_ROWS, Codes, Part, Rows, Scores, spread, use_one_thread

# Codes bring so many candidates for k hits, whose vectors are then compared: the codes' order is
# only wrong among scores that are nearly equal.
CANDIDATES = 100
CANDIDATES_A_HIT = 2
# Fewer rows than these are compared in the thread that asks: on a busy machine another one may get
# its turn later than the work would be done.
ROWS_WORTH_A_THREAD = 32_768

Job = tuple[int, Part, Ints, Ints]  # number of the part, the part, first rows and lengths of runs


@dataclass(frozen=True)
class Block:
    """Rows of whole documents, one document behind the other.

    Attributes:
        keys: the documents.
        counts: rows of each of them, at least one.
        ids, vectors: of each row.
        codes: of the rows as `cuts` divides them; empty when there are none.
        mapped: the vectors are mapped from files.
    """

    keys: Keys
    counts: Ints
    ids: Rows
    vectors: Vectors
    codes: tuple[Codes, ...] = ()
    mapped: bool = False

    def parts(self) -> tuple[tuple[Part, ...], Runs]:
        """Return the rows as parts, and each document's run."""
        bounds = cuts(self.counts)
        ends = np.cumsum(self.counts)
        parts, numbers, starts = [], [], ends - self.counts
        for number, (first, last) in enumerate(bounds):
            low, high = int(starts[first]), int(ends[last - 1])
            codes = self.codes[number] if self.codes else None
            ids, vectors = self.ids[low:high], self.vectors[low:high]
            parts.append(Part(ids, vectors, codes=codes, mapped=self.mapped))
            numbers.append(np.full(last - first, number, dtype=np.int64))
            starts[first:last] -= low
        joined = np.concatenate(numbers) if numbers else np.empty(0, dtype=np.int64)
        return tuple(parts), Runs(joined, starts, self.counts)


def cuts(counts: Ints) -> list[tuple[int, int]]:
    """Divide documents of so many rows into ranges of at most PART_ROWS rows, or of one."""
    ends = np.cumsum(counts)
    bounds, first = [], 0
    while first < len(counts):
        before = int(ends[first - 1]) if first else 0
        fitting = int(np.searchsorted(ends, before + PART_ROWS, side="right"))
        last = max(first + 1, fitting)
        bounds.append((first, last))
        first = last
    return bounds


@dataclass(frozen=True)
class View:
    """One version of an index. A change makes a new one, which shares all parts but the last.

    Attributes:
        token: of the version, which a restored backup may count a second time.
        rows: of all documents; removed rows, which no document has, are not counted.
    """

    version: int
    token: uuid.UUID
    parts: tuple[Part, ...]
    documents: Documents
    rows: int

    @classmethod
    def of(cls, block: Block, *, version: int, token: uuid.UUID) -> Self:
        parts, runs = block.parts()
        documents = Documents.of(runs, block.keys)
        return cls(version, token, parts, documents, int(block.counts.sum()))

    @property
    def removed(self) -> int:
        """Rows of documents that are gone or came anew since the rows were written."""
        return sum(part.count for part in self.parts) - self.rows

    def search(
        self, query: Vectors, *, k: int, within: Keys, exact_rows: int
    ) -> list[tuple[int, float]]:
        """Return (id, cosine) of the k nearest rows of the documents in `within`.

        Args:
            exact_rows: up to so many rows of these documents, each is compared; among more the
                candidates are found by codes where there are codes.
        """
        use_one_thread()
        # SECURITY: nothing but the rows of these documents is compared, here and below.
        jobs = list(self._jobs(self.documents.runs_of(within)))
        allowed = sum(int(counts.sum()) for _, _, _, counts in jobs)
        exact = allowed <= exact_rows
        wanted = min(allowed, k if exact else CANDIDATES_A_HIT * k + CANDIDATES)

        def nearest(job: Job) -> tuple[Scores, Rows]:
            _, part, starts, counts = job
            return part.nearest(starts, counts, query, count=wanted, exact=exact)

        found = list(_side_by_side(nearest, jobs, rows=allowed))
        if not found:
            return []
        scores = np.concatenate([scores for scores, _ in found])
        rows = np.concatenate([rows for _, rows in found])
        owners = np.repeat(np.arange(len(jobs)), [len(rows) for _, rows in found])
        if len(scores) > wanted:
            best = np.argpartition(-scores, wanted - 1)[:wanted]
            rows, owners = rows[best], owners[best]
        return _ranked(jobs, owners, rows, query)[:k]

    def block(self, first: int, last: int, keys: Keys, runs: Ints) -> Block:
        """Return the rows of the documents from `first` to `last`, copied together."""
        jobs = list(self._jobs(runs[first:last]))
        rows = [spread(starts, counts) for _, _, starts, counts in jobs]
        return Block(
            keys[first:last],
            self.documents.runs.get(runs[first:last])[2],
            np.concatenate([part.ids[at] for (_, part, _, _), at in zip(jobs, rows, strict=True)]),
            np.concatenate(
                [part.vectors[at] for (_, part, _, _), at in zip(jobs, rows, strict=True)]
            ),
        )

    def blocks(self, keys: Keys, runs: Ints) -> Iterator[Block]:
        """Return all rows again, without the removed ones, cut as `cuts` would cut them."""
        counts = self.documents.runs.get(runs)[2]
        for first, last in cuts(counts):
            yield self.block(first, last, keys, runs)

    def _jobs(self, runs: Ints) -> Iterator[Job]:
        """Divide ascending runs by the part that they lie in."""
        parts, starts, counts = self.documents.runs.get(runs)
        bounds = np.searchsorted(parts, np.arange(len(self.parts) + 1))
        for number, part in enumerate(self.parts):
            low, high = bounds[number], bounds[number + 1]
            if low < high:
                yield number, part, starts[low:high], counts[low:high]


def _ranked(jobs: list[Job], owners: Ints, rows: Rows, query: Vectors) -> list[tuple[int, float]]:
    """Compare the candidates' vectors and return (id, cosine), nearest first."""
    ids, scores = [], []
    for number in np.unique(owners):
        part = jobs[number][1]
        chosen = rows[owners == number]
        ids.append(part.ids[chosen])
        scores.append(part.scores(chosen, query))
    all_ids, all_scores = np.concatenate(ids), np.concatenate(scores)
    order = np.lexsort((all_ids, -all_scores))
    return list(zip(all_ids[order].tolist(), all_scores[order].tolist(), strict=True))


def _side_by_side(
    work: Callable[[Job], tuple[Scores, Rows]], jobs: list[Job], *, rows: int
) -> Iterator[tuple[Scores, Rows]]:
    """Do the jobs on all processors where that is worth it; FAISS does not hold Python's lock."""
    if len(jobs) > 1 and rows >= ROWS_WORTH_A_THREAD:
        return _pool(os.getpid()).map(work, jobs)
    return map(work, jobs)


@cache
def _pool(_process: int) -> ThreadPoolExecutor:
    """Return this process's threads: those of a parent do not come along through a fork."""

    count = min(4, os.cpu_count() or 1)
    return ThreadPoolExecutor(count, "index-search", initializer=use_one_thread)
