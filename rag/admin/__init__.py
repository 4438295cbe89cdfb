"""Django admin of the index, conversations and usage: to look at; nothing is edited by hand."""

from rag.admin import conversations, index, model_changes, usage

__all__ = ["conversations", "index", "model_changes", "usage"]
