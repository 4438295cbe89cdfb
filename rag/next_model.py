"""Loads the model that queries will use soon, so that no question waits for it after the switch."""

import threading
from logging import getLogger

from rag.embedding.registry import get_embedder
from rag.models import OrganizationIndex

logger = getLogger("knowledge.model_change")

_begun: set[str] = set()
_lock = threading.Lock()


def load_next_model(state: OrganizationIndex) -> None:
    """Begin to load the model that the state announces; once a process, in a thread."""
    name = state.next_model
    if not name or name in _begun:
        return
    with _lock:
        if name in _begun:
            return
        _begun.add(name)
    threading.Thread(target=_load, args=[name], name="next-model", daemon=True).start()


def _load(name: str) -> None:
    try:
        get_embedder(name).embed_query("warm up")
    except Exception as error:  # the thread's edge: the change itself says what is wrong with it
        logger.error("model not loaded", exc_info=error)
