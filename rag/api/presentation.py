"""Answers and conversations as the API shows them: with what the reader may see now."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from accounts.models import User
from rag import budgets
from rag.api.serializers import AnswerSerializer, ConversationDetailSerializer
from rag.models import Conversation, Message, UsageRecord
from rag.services.shown_answers import shown_answer
from rag.services.sources import message_sources, sources_of
from rag.turn_events import Source


def present_answer(*, message_id: uuid.UUID, user: User) -> dict[str, Any]:
    """Return a settled answer as the object of the contract."""
    message = Message.objects.visible_to(user).get(pk=message_id)
    sources = message_sources(message=message, user=user)
    cost = UsageRecord.objects.filter(message=message).aggregate(sum=Sum("cost"))["sum"]
    shown = shown_answer(message=message, sources=sources)
    answer = {
        "answer": shown.text,
        "grounded": message.grounded,
        "unsupported": shown.unsupported,
        "sentences": shown.sentences,
        "sources": shown.sources,
        "related": shown.related,
        "conflicts": shown.conflicts,
        "conversation_id": message.conversation_id,
        "message_id": message.pk,
        "status": message.current_status,
        "usage": {
            "prompt_tokens": message.prompt_tokens,
            "completion_tokens": message.completion_tokens,
            "cost": cost or Decimal(0),
        },
        "model": message.model,
        "prompt_version": message.prompt_version,
        "budget_warnings": budgets.warnings(user=user),
    }
    return dict(AnswerSerializer(answer).data)  # type: ignore[arg-type]


def present_conversation(*, conversation: Conversation, user: User) -> dict[str, Any]:
    """Return a conversation with its messages, oldest first."""
    messages = list(conversation.messages.order_by("created_at"))
    sources = sources_of(messages=messages, user=user)
    shown = {
        "id": conversation.pk,
        "title": conversation.title,
        "filters": conversation.filters,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "messages": [_message(message, sources[message.pk]) for message in messages],
    }
    return dict(ConversationDetailSerializer(shown).data)  # type: ignore[arg-type]


def _message(message: Message, sources: Sequence[Source]) -> dict[str, Any]:
    shown = shown_answer(message=message, sources=sources)
    return {
        "id": message.pk,
        "role": message.role,
        "status": message.current_status,
        "content": shown.text,
        "grounded": message.grounded,
        "unsupported": shown.unsupported,
        "sentences": shown.sentences,
        "error_message": message.error_message,
        "model": message.model,
        "prompt_version": message.prompt_version,
        "rating": message.rating,
        "comment": message.comment,
        "created_at": message.created_at,
        "sources": shown.sources,
        "related": shown.related,
        "conflicts": shown.conflicts,
    }
