"""Django admin of the index, conversations and usage: to look at; nothing here is edited by hand.

What people ask and are answered stays theirs: administrators see that and how it was answered, how
it was rated and what it cost, not the words.
"""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from knowledge.lib.admin import ReadOnlyAdmin
from rag.models import (
    ChunkEmbedding,
    Conversation,
    IndexChange,
    Message,
    MessageSource,
    OrganizationIndex,
    UsageRecord,
)
from rag.services.index import request_rebuild


@admin.register(OrganizationIndex)
class OrganizationIndexAdmin(ReadOnlyAdmin):
    """The state of each index, and its rebuild."""

    list_display = ["organization", "version", "model", "updated_at"]
    actions = ["rebuild"]

    @admin.action(description="Rebuild from the database", permissions=["view"])
    def rebuild(self, request: HttpRequest, queryset: QuerySet[OrganizationIndex]) -> None:
        """Queue a rebuild of each chosen index."""
        assert isinstance(request.user, User)  # noqa: S101 - Django admin lets nobody else in
        for index in queryset.select_related("organization"):
            request_rebuild(organization=index.organization, actor=request.user)
        messages.success(request, "The rebuild is queued; searches go on meanwhile.")


@admin.register(IndexChange)
class IndexChangeAdmin(ReadOnlyAdmin):
    """The latest steps of each index."""

    list_display = ["organization", "version", "document_id"]


@admin.register(ChunkEmbedding)
class ChunkEmbeddingAdmin(ReadOnlyAdmin):
    """Which chunk is embedded under which model."""

    list_display = ["id", "document", "chunk", "model"]
    list_select_related = ["document", "chunk"]
    exclude = ["vector"]
    show_full_result_count = False


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
    exclude = ["content", "search_query", "question", "conversation"]


@admin.register(MessageSource)
class MessageSourceAdmin(_WithoutWords):
    """Which passages answers were given."""

    organization_path = "message__conversation__user__organization"
    list_display = ["id", "message", "number", "document", "page", "score", "cited"]
    list_select_related = ["message", "document"]


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin):
    """The ledger of model calls."""

    list_display = [
        "created_at",
        "user",
        "feature",
        "model",
        "outcome",
        "prompt_tokens",
        "completion_tokens",
        "cost",
        "ms",
    ]
    list_filter = ["feature", "model", "outcome"]
    list_select_related = ["user"]
    date_hierarchy = "created_at"
    show_full_result_count = False
