"""The embedding model by its library alone, with nothing of the product around it.

It runs in a process of its own, so that what it keeps in memory is not taken for the worker's.
"""

import multiprocessing
import os
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

BATCH_SIZE = 32


class BareModel:
    """Call it with texts inside a `with` block: it returns when all of them are encoded."""

    def __enter__(self) -> "BareModel":
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        self(["warm up"] * 64)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ours.send(None)
        self._process.join()

    def __call__(self, texts: list[str]) -> None:
        self._ours.send(texts)
        self._ours.recv()


def _serve(asked: Connection) -> None:
    """Encode what is asked for, in the precision that the product uses here, on all cores."""
    import django

    django.setup()

    import torch

    from rag.embedding.registry import get_embedder

    embedder: Any = get_embedder()
    torch.set_num_threads(os.cpu_count() or 1)
    while (texts := asked.recv()) is not None:
        embedder._model.encode(texts, batch_size=BATCH_SIZE, show_progress_bar=False)
        asked.send(len(texts))
