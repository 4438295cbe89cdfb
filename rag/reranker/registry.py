"""Which reranker is configured, if any; one instance a process and model, made at first use."""

import threading

from django.conf import settings

from knowledge.lib import registry
from rag.reranker.base import Reranker

_instances: dict[str, Reranker] = {}
_lock = threading.Lock()
_CROSS_ENCODER = "cross-encoder"


def get_reranker() -> Reranker | None:
    """Return the configured reranker; None where there is none, and the search ends before it."""
    model = settings.RERANKER_MODEL
    if not model:
        return None
    with _lock:  # two threads of one process must not load the weights twice
        if model not in _instances:
            # Every name that is no adapter's is a model's, or the folder of one.
            name = model if model in settings.RERANKERS else _CROSS_ENCODER
            adapter = registry.load("RERANKER_MODEL", settings.RERANKERS, name, Reranker)  # type: ignore[type-abstract]
            _instances[model] = adapter()
        return _instances[model]
