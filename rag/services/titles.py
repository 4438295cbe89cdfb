"""Gives conversations a title by the model, from the person's own first question alone."""

import asyncio
import re
import uuid
from contextlib import aclosing, suppress

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction
from django_q.tasks import async_task

from accounts.models import User
from rag.answer_setup import AnswerSetup, setup_for
from rag.budgets import BudgetExceeded
from rag.llm.base import ChatRequest, ModelUnavailable
from rag.llm.metering import MeteredCall
from rag.llm.registry import get_chat_model
from rag.models import Conversation, Message
from rag.prompts.loader import new_boundary
from rag.services.call_budgets import reserve_call
from rag.services.conversations import title_from
from rag.services.usage import record_calls

TASK = "rag.tasks.title_conversation"

_MAX_TOKENS = 30
_TIMEOUT_S = 30.0
_MAX_CHARACTERS = 80
_PREAMBLE = re.compile(r"^(?:title|titel|titre)\s*:\s*", re.IGNORECASE)


def request_title(*, conversation_id: uuid.UUID) -> None:
    """Have a worker write the title once the open transaction is committed."""
    transaction.on_commit(lambda: async_task(TASK, str(conversation_id)))


def write_title(*, conversation_id: uuid.UUID) -> None:
    """Ask the model for a title; the first words stay when it fails or the person chose another.

    SECURITY: the model sees the person's own question and no passage, so that nothing of a document
    stays in the title when the document is deleted or unshared.
    """
    found = Conversation.objects.select_related("user__organization")
    conversation = found.filter(pk=conversation_id).first()
    if conversation is None or conversation.user.organization_id is None:
        return
    if not conversation.user.is_in_service:
        return
    question = conversation.messages.filter(role=Message.Role.USER).order_by("created_at").first()
    if question is None or conversation.title != title_from(question.content):
        return
    setup = setup_for(organization_id=conversation.user.organization_id, conversation=conversation)
    call = _title_call(question.content, setup)
    answer = Message.objects.filter(question=question).first()
    # The first words of the question are a title as well.
    with suppress(ModelUnavailable, BudgetExceeded):
        async_to_sync(_listen)(call, conversation.user, answer)
    with transaction.atomic():
        if title := _cleaned(call.text):
            # Only while it is still the one that was made of the question.
            unchanged = Conversation.objects.filter(pk=conversation.pk, title=conversation.title)
            unchanged.update(title=title)
        calls = [call] if call.was_begun else []
        # The conversation may have been deleted meanwhile.
        kept = Message.objects.filter(pk=answer.pk).first() if answer else None
        record_calls(user=conversation.user, message=kept, calls=calls, reserved=[call.id])


def _title_call(question: str, setup: AnswerSetup) -> MeteredCall:
    messages = setup.title_prompt.render(question=question, boundary=new_boundary())
    request = ChatRequest(messages, question, (), _MAX_TOKENS, timeout_s=_TIMEOUT_S)
    return MeteredCall(get_chat_model(setup.model), request, feature="title")


async def _listen(call: MeteredCall, user: User, answer: Message | None) -> None:
    await reserve_call(call, user=user, message_id=answer.pk if answer else None)
    async with asyncio.timeout(settings.TURN_TIMEOUT_S), aclosing(call.stream()) as stream:
        async for _ in stream:
            if len(call.text) > 2 * _MAX_CHARACTERS:
                break  # an essay, not a title


def _cleaned(text: str) -> str:
    """Return the first line as a title, without what small models put around it."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    title = _PREAMBLE.sub("", lines[0].strip("#*\"'\u201c\u201d\u00ab\u00bb` ")).rstrip(".")
    title = title.strip("*\"'\u201c\u201d\u00ab\u00bb` ")
    return title if 0 < len(title) <= _MAX_CHARACTERS else ""
