"""Which chat models there are; one instance a process and name, made at first use."""

import threading
from collections.abc import Callable

from django.conf import settings

from knowledge.lib import registry
from rag.llm.base import ChatModel

_instances: dict[str, ChatModel] = {}
_lock = threading.Lock()


def get_chat_model(name: str = "") -> ChatModel:
    """Return a chat model: an adapter by its name, else a model of the configured server.

    Args:
        name: for example `extractive`, or what the server calls one of its models; by default the
            configured one.
    """
    name = name or settings.LLM_PROVIDER
    with _lock:
        if name not in _instances:
            is_of_server = name not in settings.CHAT_MODELS
            provider = "openai" if is_of_server else name
            adapter: Callable[..., ChatModel] = registry.load(
                "LLM_PROVIDER",
                settings.CHAT_MODELS,
                provider,
                ChatModel,  # type: ignore[type-abstract]
            )
            _instances[name] = adapter(name) if is_of_server else adapter()
        return _instances[name]


def available_models() -> list[str]:
    """Return the names that `get_chat_model` knows here, the configured one first."""
    names = [settings.LLM_PROVIDER]
    if settings.OPENAI_API_KEY or settings.LLM_BASE_URL:
        if settings.LLM_PROVIDER == "openai":
            names = []
        names += [settings.LLM_MODEL, *settings.LLM_MODELS]
    return list(dict.fromkeys([*names, "extractive"]))
