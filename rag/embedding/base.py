"""The embedding seam: text in, unit vectors out."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from knowledge.lib.overload import Gate
from rag.embedding.counting import counted

Vectors = npt.NDArray[np.float32]
Vector = Vectors  # one, of shape (dimension,)

# Texts whose word pieces are in memory at a time: some 10 kB each.
_COUNT_SIZE = 256


class Embedder(ABC):
    """Embeds passages and questions.

    Attributes:
        name: what the embeddings are stored under; vectors of different names never mix.
        dimension: length of a vector.
        max_tokens: longest input in word pieces, those counted that the model adds itself; what is
            longer is cut silently.
        packages: what has to be installed for it, as import names.
        reads_many_languages: whether it was trained on them, and not on English alone.
        stands_in: whether it is for tests alone: administrators are not offered it.
        gate: where calls wait for their turn; None where any number may run at once.
    """

    name: str
    dimension: int
    max_tokens: int
    packages: Sequence[str] = ()
    reads_many_languages: bool = True
    stands_in: bool = False
    gate: Gate | None = None

    def embed_passages(self, texts: Sequence[str], *, for_question: bool = False) -> Vectors:
        """Return float32 vectors of unit length, shape (len(texts), dimension), in order.

        Args:
            texts: what is embedded.
            for_question: whether somebody waits for an answer; if not, as while documents are
                ingested, the call waits for its turn for as long as it takes.

        Raises:
            Overloaded: it is for a question, and its turn doesn't come soon enough.
        """
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        with self._turn(for_ever=not for_question), counted(self.name, texts, self.count_tokens):
            return self._checked(self._embed_passages(texts), len(texts))

    def embed_query(self, text: str) -> Vectors:
        """Return one float32 vector of unit length, shape (dimension,).

        Raises:
            Overloaded: its turn doesn't come soon enough.
        """
        with self._turn(for_ever=False), counted(self.name, [text], self.count_tokens):
            vector: Vectors = self._checked(self._embed_query(text)[None, :], 1)[0]
        return vector

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many word pieces each passage has for the model, what it adds included.

        Without waiting for a turn: it takes a hundredth of the time of an embedding.
        """
        counts: list[int] = []
        for first in range(0, len(texts), _COUNT_SIZE):
            counts += self._count_tokens(texts[first : first + _COUNT_SIZE])
        return counts

    def use_threads(self, count: int) -> None:  # noqa: B027
        """Compute with so many threads from now on, process-wide; a remote model ignores it."""

    @contextmanager
    def _turn(self, *, for_ever: bool) -> Iterator[None]:
        if self.gate is None:
            yield
        else:
            with self.gate.entered(for_ever=for_ever):
                yield

    def _checked(self, vectors: Vectors, count: int) -> Vectors:
        """Return the vectors as contiguous float32 of unit length, or say what is wrong."""
        if vectors.shape != (count, self.dimension):
            raise ValueError(
                f"{self.name} gave shape {vectors.shape}, not {(count, self.dimension)}"
            )
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or (norms < 1e-6).any():
            raise ValueError(f"{self.name} gave a vector that is not finite or has no length")
        unit: Vectors = vectors / norms
        return unit

    @abstractmethod
    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count, from several threads at once."""

    @abstractmethod
    def _embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Embed at least one passage."""

    @abstractmethod
    def _embed_query(self, text: str) -> Vectors:
        """Embed one question."""
