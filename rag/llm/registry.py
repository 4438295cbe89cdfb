"""Which chat model is configured."""

from functools import cache

from django.conf import settings

from knowledge.lib import registry
from rag.llm.base import ChatModel


@cache
def get_chat_model() -> ChatModel:
    """Return this process's chat model."""
    names = settings.CHAT_MODELS
    return registry.load("LLM_PROVIDER", names, settings.LLM_PROVIDER, ChatModel)()  # type: ignore[type-abstract]
