"""Counts what a block of code lets embedders compute, for the ledger."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class EmbeddingCount:
    """What was embedded: with which model, how many texts of how many tokens, in how many ms."""

    model: str = ""
    texts: int = 0
    tokens: int = 0
    ms: float = 0.0

    def add(self, model: str, *, texts: int, tokens: int, ms: float) -> None:
        """Count texts that were embedded."""
        self.model = model
        self.texts += texts
        self.tokens += tokens
        self.ms += ms


_current: ContextVar[EmbeddingCount | None] = ContextVar("embedding_count", default=None)


@contextmanager
def counting() -> Iterator[EmbeddingCount]:
    """Count what is embedded inside the block, by this thread and those that it hands over to."""
    count = EmbeddingCount()
    token = _current.set(count)
    try:
        yield count
    finally:
        _current.reset(token)


@contextmanager
def counted(
    model: str, texts: Sequence[str], tokens: Callable[[Sequence[str]], list[int]]
) -> Iterator[None]:
    """Add the texts to what is counted, if somebody counts, when the block has embedded them."""
    started = time.perf_counter()
    yield
    count = _current.get()
    if count is not None:
        ms = (time.perf_counter() - started) * 1000
        count.add(model, texts=len(texts), tokens=sum(tokens(texts)), ms=ms)
