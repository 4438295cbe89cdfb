"""The reranker seam: a question and passages in, how well each answers out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from knowledge.lib.overload import Gate


class Reranker(ABC):
    """Reads question and passage together, which is slower and better than comparing vectors.

    Attributes:
        name: for logs and figures.
        gate: where calls wait for their turn; None where any number may run at once.
    """

    name: str
    gate: Gate | None = None

    def score(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return for each passage how well it answers, as log-odds: higher is better.

        Raises:
            Overloaded: its turn doesn't come soon enough.
        """
        if not passages:
            return []
        if self.gate is None:
            scores = self._score(question, passages)
        else:
            with self.gate.entered():
                scores = self._score(question, passages)
        if len(scores) != len(passages):
            raise ValueError(f"{self.name} gave {len(scores)} scores for {len(passages)} passages")
        return scores

    @abstractmethod
    def _score(self, question: str, passages: Sequence[str]) -> list[float]:
        """Judge at least one passage."""
