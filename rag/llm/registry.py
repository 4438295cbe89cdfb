"""Which chat model is configured; one instance a process and name, made at first use."""

import threading

from django.conf import settings

from knowledge.lib import registry
from rag.llm.base import ChatModel

_instances: dict[str, ChatModel] = {}
_lock = threading.Lock()


def get_chat_model(name: str | None = None) -> ChatModel:
    """Return the chat model called `name`, by default the configured one."""
    name = name or settings.LLM_PROVIDER
    with _lock:
        if name not in _instances:
            adapter = registry.load("LLM_PROVIDER", settings.CHAT_MODELS, name, ChatModel)  # type: ignore[type-abstract]
            _instances[name] = adapter()
        return _instances[name]
