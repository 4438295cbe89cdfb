"""A reranker without a model: what shares most words with the question comes first."""

from collections.abc import Sequence

from rag.reranker.base import Reranker
from rag.words import stems


class FakeReranker(Reranker):
    """Counts the question's stems.

    Attributes:
        history: questions and passages so far, for tests.
    """

    name = "fake"

    def __init__(self) -> None:
        self.history: list[tuple[str, tuple[str, ...]]] = []

    def _score(self, question: str, passages: Sequence[str]) -> list[float]:
        self.history.append((question, tuple(passages)))
        asked = set(stems(question))
        return [float(len(asked & set(stems(passage)))) for passage in passages]
