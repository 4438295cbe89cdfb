"""Encodes batches beside one another, each in a thread that computes on one processor core.

Several threads inside each operation have to wait for one another at its end, some hundred times a
batch. As soon as anything else runs on one of the cores, and while documents are ingested it does,
both stand still: measured on two cores that others used too, a passage took twice the processor
time that it takes this way, and three times the time.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from rag.embedding.base import Vectors

# Texts of a batch: more gain nothing, and fewer leave the cores more evenly busy at the end.
BATCH_SIZE = 16
# Lengths are rounded up to a multiple of this, and batches hold 1, 2, 4, 8 or 16 texts. PyTorch
# keeps code and buffers for every shape that it has multiplied, a megabyte and more each: with any
# length and number, a process that ingests grew by a gigabyte within a few thousand passages.
LENGTH_STEP = 8

Tokens = Sequence[int]
EncodeBatch = Callable[[Sequence[Tokens]], Vectors]


class Lanes:
    """The threads of one model; with one lane the caller's own thread computes."""

    def __init__(self) -> None:
        self._count = 1
        self._pool: ThreadPoolExecutor | None = None

    def use(self, count: int) -> None:
        """Compute with so many threads from now on."""
        _compute_on_one_core()
        if count == self._count:
            return
        self._count = count
        # The former threads end with the last call that uses them.
        self._pool = (
            ThreadPoolExecutor(count, "encode", initializer=_compute_on_one_core)
            if count > 1
            else None
        )

    def encode(
        self, tokens: Sequence[Tokens], encode_batch: EncodeBatch, dimension: int
    ) -> Vectors:
        """Return the vectors of tokenized texts, in order, shape (len(tokens), dimension).

        Texts of like length share a batch, so that little is padded, and the longest come first,
        so that all lanes end at about the same time.
        """
        vectors = np.empty((len(tokens), dimension), dtype=np.float32)
        batches = list(self._batches(tokens))
        pool = self._pool
        run = map if pool is None else pool.map
        encoded = run(lambda places: encode_batch([tokens[n] for n in places]), batches)
        for places, rows in zip(batches, encoded, strict=True):
            vectors[places] = rows
        return vectors

    def _batches(self, tokens: Sequence[Tokens]) -> Iterator[list[int]]:
        order = sorted(range(len(tokens)), key=lambda n: -len(tokens[n]))
        size = min(BATCH_SIZE, _power_of_two(max(1, -(-len(order) // self._count))))
        first = 0
        while first < len(order):
            size = min(size, _power_of_two(len(order) - first))
            yield order[first : first + size]
            first += size


def padded(
    tokens: Sequence[Tokens], padding: int
) -> tuple[
    np.ndarray[tuple[int, int], np.dtype[np.int64]], np.ndarray[tuple[int, int], np.dtype[np.int64]]
]:
    """Return the tokens as rows of one length, and a mask that is 1 where a token is."""
    longest = -(-max(map(len, tokens)) // LENGTH_STEP) * LENGTH_STEP
    ids = np.full((len(tokens), longest), padding, dtype=np.int64)
    mask = np.zeros((len(tokens), longest), dtype=np.int64)
    for row, text in enumerate(tokens):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask


def cut(tokens: Tokens, most: int) -> Tokens:
    """Return as many as a model reads, with the one that ends the text."""
    return tokens if len(tokens) <= most else [*tokens[: most - 1], tokens[-1]]


def _power_of_two(number: int) -> int:
    """Return the largest power of two that is not above the number."""
    return 1 << (number.bit_length() - 1)


def _compute_on_one_core() -> None:
    import torch

    torch.set_num_threads(1)
