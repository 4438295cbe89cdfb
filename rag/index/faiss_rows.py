"""Reads vectors from their rows, some or all of an index, into arrays."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from logging import getLogger
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from django.db.models import CharField
from django.db.models.functions import Cast

from rag.embedding.base import Vectors
from rag.index.faiss_documents import pack
from rag.index.faiss_view import Block
from rag.models import ChunkEmbedding
from rag.querysets import ChunkEmbeddingQuerySet

logger = getLogger("knowledge.index")

Column = TypeVar("Column", bound=npt.NDArray[Any])

BATCH = 2_000
# Documents named in one query: databases bound the number of its parameters.
DOCUMENTS_A_QUERY = 500
# A vector whose squared length is off by more is no cosine: it is left out, and health says so.
LENGTH_TOLERANCE = 0.02


class RowBatch:
    """Rows as arrays.

    Attributes:
        ids, documents, vectors: of the rows whose vectors can be used.
        all_ids: of the others too.
    """

    def __init__(self, rows: Sequence[tuple[int, str, bytes]], dimension: int) -> None:
        whole = [row for row in rows if len(row[2]) == 4 * dimension]
        joined = b"".join(row[2] for row in whole)
        vectors = np.frombuffer(joined, dtype="<f4").reshape(-1, dimension)
        lengths = np.einsum("ij,ij->i", vectors, vectors)
        good = np.abs(lengths - 1) <= LENGTH_TOLERANCE  # not true of what is not a number either
        self.ids = np.fromiter((row[0] for row in whole), np.int64, len(whole))[good]
        self.documents = [
            row[1].replace("-", "") for row, kept in zip(whole, good.tolist(), strict=True) if kept
        ]
        self.vectors: Vectors = vectors[good]
        self.all_ids = np.fromiter((row[0] for row in rows), np.int64, len(rows))


def batches(
    rows: ChunkEmbeddingQuerySet, dimension: int, of: tuple[uuid.UUID, str] | None = None
) -> Iterator[RowBatch]:
    """Return the rows in their order, some thousands at a time.

    Args:
        of: the organization and model to take rows of, where the query has not chosen by them.
    """
    # Ids as text: turning a million rows into UUID objects takes seconds.
    columns: list[Any] = ["chunk_id", Cast("document_id", CharField()), "vector"]
    chooses = ["organization_id", "model"] if of else []
    iterator = rows.values_list(*columns, *chooses).iterator(chunk_size=BATCH)
    while found := list(islice(iterator, BATCH)):
        yield RowBatch([row[:3] for row in found if not of or row[3:] == of], dimension)


def read_index(organization_id: uuid.UUID, model: str, dimension: int) -> Block:
    """Return all that the rows hold of one index."""
    rows = ChunkEmbedding.objects.of_index(organization_id, model)
    return _read(batches(rows, dimension), dimension, expected=rows.count())


def read_documents(
    organization_id: uuid.UUID, model: str, dimension: int, documents: Sequence[uuid.UUID]
) -> Block:
    """Return what the rows hold of some documents of an index."""
    read = []
    for first in range(0, len(documents), DOCUMENTS_A_QUERY):
        # By the documents alone: told the organization and the model as well, SQLite goes through
        # all rows of the index rather than looking up a few documents.
        named = documents[first : first + DOCUMENTS_A_QUERY]
        rows = ChunkEmbedding.objects.filter(document_id__in=named).order_by("document_id", "pk")
        read.append(batches(rows, dimension, (organization_id, model)))
    return _read(chain.from_iterable(read), dimension, expected=0)


def _read(found: Iterable[RowBatch], dimension: int, *, expected: int) -> Block:
    """Join the batches, documents together; `expected` rows are made room for beforehand."""
    ids, owners = np.empty(expected, dtype=np.int64), np.empty(expected, dtype=np.int64)
    vectors = np.empty((expected, dimension), dtype=np.float32)
    ordinals: dict[str, int] = {}
    count = unusable = 0
    for batch in found:
        after = count + len(batch.ids)
        if after > len(ids):
            room = after + len(ids) // 8
            ids, owners, vectors = _grown(ids, room), _grown(owners, room), _grown(vectors, room)
        ids[count:after] = batch.ids
        vectors[count:after] = batch.vectors
        owners[count:after] = [ordinals.setdefault(key, len(ordinals)) for key in batch.documents]
        count, unusable = after, unusable + len(batch.all_ids) - len(batch.ids)
    if unusable:
        logger.warning("vectors that cannot be used", extra={"count": unusable})
    ids, owners, vectors = ids[:count], owners[:count], vectors[:count]
    if count and (np.diff(owners) < 0).any():  # a document's rows do not lie together
        order = np.argsort(owners, kind="stable")
        ids, owners, vectors = ids[order], owners[order], vectors[order]
    counts = np.bincount(owners, minlength=len(ordinals)).astype(np.int64)
    return Block(pack("".join(ordinals)), counts, ids, vectors)


def _grown(column: Column, room: int) -> Column:
    grown = np.empty((room, *column.shape[1:]), dtype=column.dtype)
    grown[: len(column)] = column
    return cast("Column", grown)
