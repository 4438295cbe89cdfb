"""Django admin of the index, conversations and usage: to look at; nothing is edited by hand."""

from rag.admin import answer_settings, conversations, index, model_changes, usage

__all__ = ["answer_settings", "conversations", "index", "model_changes", "usage"]
