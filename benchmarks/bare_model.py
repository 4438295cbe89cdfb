"""The embedding model by its library alone, with nothing of the product around it.

It runs in a process of its own, so that what it keeps in memory is not taken for the worker's.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

BATCH_SIZE = 32


@contextmanager
def bare_model() -> Iterator[Callable[[list[str]], None]]:
    """Give a call that returns when all of the texts are encoded."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()

    def encode(texts: list[str]) -> None:
        ours.send(texts)
        ours.recv()

    encode(["warm up"] * 64)
    try:
        yield encode
    finally:
        ours.send(None)
        process.join()


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
