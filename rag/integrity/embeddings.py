"""Embeddings as rows: whether each is a vector that a search can use."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from rag.integrity.faults import Fault
from rag.models import ChunkEmbedding

# How far a length may be from 1: float32 sums of some hundred squares stay well inside.
UNIT_TOLERANCE = 1e-3
_ROWS = 5_000  # vectors in memory at a time: 8 MB

# Key of the embedding, its vector.
_Row = tuple[int, bytes | memoryview]


def unusable(organization_id: uuid.UUID, model: str, dimension: int) -> Iterator[tuple[int, Fault]]:
    """Yield the embeddings of a model that no search can use, by key, and what is wrong."""
    rows = ChunkEmbedding.objects.of_index(organization_id, model).values_list("pk", "vector")
    stream = rows.iterator(chunk_size=_ROWS)
    while block := list(islice(stream, _ROWS)):
        yield from _unusable(block, dimension)


def counted(found: Iterator[tuple[int, Fault]]) -> dict[Fault, list[int]]:
    """Return the keys by what is wrong with them."""
    keys: defaultdict[Fault, list[int]] = defaultdict(list)
    for key, fault in found:
        keys[fault].append(key)
    return keys


def _unusable(block: Sequence[_Row], dimension: int) -> Iterator[tuple[int, Fault]]:
    sized = []
    for key, vector in block:
        if len(vector) == 4 * dimension:
            sized.append((key, vector))
        else:
            yield key, Fault.EMBEDDING_WRONG_DIMENSION
    if not sized:
        return
    vectors = np.frombuffer(b"".join(vector for _, vector in sized), dtype="<f4")
    vectors = vectors.reshape(len(sized), dimension)
    finite = np.isfinite(vectors).all(axis=1)
    # In float64: a row of huge numbers would overflow.
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    with np.errstate(invalid="ignore"):
        unit = np.abs(lengths - 1.0) <= UNIT_TOLERANCE
    for row in np.flatnonzero(~(finite & unit)):
        fault = Fault.EMBEDDING_NOT_UNIT if finite[row] else Fault.EMBEDDING_NOT_FINITE
        yield sized[row][0], fault
