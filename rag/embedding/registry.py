"""Which embedder is configured; one instance a process, made at first use."""

import threading

from django.conf import settings

from knowledge.lib import registry
from rag.embedding.base import Embedder

_instances: dict[str, Embedder] = {}
_lock = threading.Lock()


def get_embedder(name: str | None = None) -> Embedder:
    """Return the embedder called `name`, by default the configured one."""
    name = name or settings.EMBEDDING_MODEL
    with _lock:  # two threads of one process must not load the weights twice
        if name not in _instances:
            adapter = registry.load("EMBEDDING_MODEL", settings.EMBEDDERS, name, Embedder)  # type: ignore[type-abstract]
            _instances[name] = adapter()
        return _instances[name]
