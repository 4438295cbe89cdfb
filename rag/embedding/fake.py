"""A deterministic embedder without a model: texts that share words have similar vectors."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from rag.embedding.base import Embedder, Vectors

_WORD = re.compile(r"\w+")


class FakeEmbedder(Embedder):
    """Sums one pseudo-random direction a word (a hashed bag of words).

    Attributes:
        history: every text embedded so far, for tests.
    """

    name = "fake"
    dimension = 64
    max_tokens = 256
    stands_in = True

    def __init__(self) -> None:
        self.history: list[str] = []

    def _embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.history.extend(texts)
        return np.stack([self._vector(text) for text in texts])

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [2 + len(_WORD.findall(text)) for text in texts]

    def _embed_query(self, text: str) -> Vectors:
        self.history.append(text)
        return self._vector(text)

    def _vector(self, text: str) -> Vectors:
        words = _WORD.findall(text.lower()) or ["\N{REPLACEMENT CHARACTER}"]
        total: Vectors = np.sum([_direction(word, self.dimension) for word in words], axis=0)
        return total


def _direction(word: str, dimension: int) -> Vectors:
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
    return np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)


class WideFakeEmbedder(FakeEmbedder):
    """Another model to change to: of another dimension, and with other directions for words."""

    name = "fake-wide"
    dimension = 96
    stands_in = False  # the settings of the tests alone name it

    def _vector(self, text: str) -> Vectors:
        return super()._vector(" ".join(f"wide_{word}" for word in _WORD.findall(text)))
