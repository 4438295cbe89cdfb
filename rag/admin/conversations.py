"""Django admin of conversations, without their words.

What people ask and are answered stays theirs: administrators see that and how it was answered and
how it was rated, not the words.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from knowledge.lib.admin import ReadOnlyAdmin
from rag.models import Conversation, Message, MessageSource


class _WithoutWords(ReadOnlyAdmin):
    """SECURITY: `exclude` keeps questions, answers and titles from administrators."""

    show_full_result_count = False


@admin.register(Conversation)
class ConversationAdmin(_WithoutWords):
    """That there are conversations, not what they say."""

    organization_path = "user__organization"
    list_display = ["id", "user", "created_at", "updated_at"]
    list_select_related = ["user"]
    exclude = ["title"]

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Hide the title from the page's own heading too."""
        conversation = super().get_object(request, object_id, from_field)
        if conversation is not None:
            conversation.title = ""
        return conversation


@admin.register(Message)
class MessageAdmin(_WithoutWords):
    """How answers came about and how they were rated."""

    organization_path = "conversation__user__organization"
    list_display = [
        "id",
        "role",
        "status",
        "grounded",
        "model",
        "prompt_version",
        "prompt_tokens",
        "completion_tokens",
        "total_ms",
        "rating",
        "created_at",
    ]
    list_filter = ["role", "status", "grounded", "rating", "model"]
    exclude = ["content", "sentences", "conflicts", "search_query", "question", "conversation"]


@admin.register(MessageSource)
class MessageSourceAdmin(_WithoutWords):
    """Which passages answers were given."""

    organization_path = "message__conversation__user__organization"
    list_display = ["id", "message", "number", "document", "page", "score", "cited"]
    list_select_related = ["message", "document"]
