"""Django admin of conversations, without their words.

What people ask and are answered stays theirs: administrators see that and how it was answered and
how it was rated, not the words.
"""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator

from accounts.models import User
from knowledge.lib.admin import ReadOnlyAdmin
from rag.evaluation.cases import keep_feedback
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
        "created_at",
        "rating",
        "remark",
        "role",
        "status",
        "grounded",
        "answered_by",
        "tokens",
        "total_ms",
    ]
    ordering = ["-created_at"]
    list_filter = ["role", "status", "grounded", "rating", "model"]
    exclude = ["content", "sentences", "conflicts", "search_query", "question", "conversation"]
    actions = ["keep_as_cases"]

    @admin.display(description="comment")
    def remark(self, message: Message) -> str:
        """Show the beginning of what was said with the rating."""
        return Truncator(message.comment).chars(60)

    @admin.display(description="answered by", ordering="model")
    def answered_by(self, message: Message) -> str:
        """Show model and prompt."""
        return f"{message.model} {message.prompt_version}".strip()

    @admin.display(description="tokens")
    def tokens(self, message: Message) -> int:
        """Show what the model read and wrote."""
        return message.prompt_tokens + message.completion_tokens

    @admin.action(description="Keep as cases of an evaluation", permissions=["view"])
    def keep_as_cases(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        """Make a case of each chosen answer that was rated not helpful; its words stay unseen."""
        assert isinstance(request.user, User)  # noqa: S101 - Django admin lets nobody else in  # nosec B101
        rated = queryset.filter(rating=Message.Rating.DOWN)
        made = keep_feedback(
            messages=rated.select_related("conversation__user__organization"), actor=request.user
        )
        if made:
            said = format_html(
                '{} kept as <a href="{}">evaluation cases</a>. Say for each whether the documents'
                " answer it, and how.",
                len(made),
                reverse("admin:rag_evaluationcase_changelist"),
            )
            messages.success(request, said)
        else:
            messages.warning(request, "Nothing new: choose answers that were rated not helpful.")


@admin.register(MessageSource)
class MessageSourceAdmin(_WithoutWords):
    """Which passages answers were given."""

    organization_path = "message__conversation__user__organization"
    list_display = ["id", "message", "number", "document", "page", "score", "cited"]
    list_select_related = ["message", "document"]
