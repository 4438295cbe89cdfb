"""Django admin of the index, conversations and usage, to look at; of budgets and prices, to set."""

from rag.admin import (
    answer_settings,
    budgets,
    conversations,
    evaluations,
    index,
    model_changes,
    unanswered,
    usage,
)

__all__ = [
    "answer_settings",
    "budgets",
    "conversations",
    "evaluations",
    "index",
    "model_changes",
    "unanswered",
    "usage",
]
