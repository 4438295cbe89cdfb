"""A turn as the process takes it up that writes the answer: what is asked, and by whom."""

import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from documents.narrowing import EVERYTHING, Narrowing
from knowledge.lib.errors import Conflict, NotFound, TooManyRequests
from rag.answer_setup import AnswerSetup, setup_for
from rag.condensing import PastTurn
from rag.models import Message
from rag.services.sources import is_withheld, sources_of

_PAUSE_S = 5  # until somebody with too many answers in the making may ask again
_HISTORY = 4  # turns that a follow-up can refer to


@dataclass(frozen=True)
class OpenTurn:
    """A turn that this process has claimed.

    Attributes:
        history: the turns before it, oldest first, as far as the user may read them now.
        setup: which model and prompts answer it.
        narrowing: which documents its conversation asks.
    """

    user: User
    message: Message
    question: str
    history: tuple[PastTurn, ...]
    setup: AnswerSetup
    narrowing: Narrowing = EVERYTHING


def open_turn(*, user: User, message_id: uuid.UUID) -> OpenTurn | None:
    """Claim a pending answer for this process; None when it has been settled.

    Raises:
        NotFound: the user has no such answer.
        Conflict: another process writes it.
        TooManyRequests: as many answers of the user are being written as may be.
    """
    answers = Message.objects.visible_to(user).answers()
    answers = answers.select_related("question", "conversation")
    message = answers.filter(pk=message_id).first()
    if message is None or message.question is None:
        raise NotFound
    if not message.is_open:
        return None
    _claim(message_id, user)
    message.status = Message.Status.STREAMING
    assert user.organization_id is not None  # noqa: S101 - start_turn lets nobody else ask  # nosec B101
    return OpenTurn(
        user=user,
        message=message,
        question=message.question.content,
        history=_history(message, user),
        setup=setup_for(organization_id=user.organization_id, conversation=message.conversation),
        narrowing=message.conversation.narrowing,
    )


@transaction.atomic
def _claim(message_id: uuid.UUID, user: User) -> None:
    """Take the answer, unless the user has as many in the making as one person may have."""
    # Held by one claim at a time, so that two cannot both take the last place.
    User.objects.select_for_update(of=["self"]).get(pk=user.pk)
    now = timezone.now()
    answers = Message.objects.visible_to(user).answers()
    writing = answers.being_written(now - settings.TURN_ABANDONED_AFTER).count()
    most = settings.MAX_ANSWERS_AT_ONCE
    if writing >= most:
        raise TooManyRequests(
            f"{writing} answers are being written for you already. Wait for one of them, or stop"
            " it.",
            retry_after_s=_PAUSE_S,
        )
    if not answers.claim(message_id, now):
        raise Conflict("This answer is being written already.")


def _history(message: Message, user: User) -> tuple[PastTurn, ...]:
    """Return the turns before a message.

    SECURITY: an answer whose passages the user can no longer read is left out, and with it every
    wording that a model may have made from it, then or later; the user's own questions stay.
    """
    past = list(
        Message.objects.answers()
        .filter(conversation_id=message.conversation_id, created_at__lt=message.created_at)
        .select_related("question")
        .order_by("-created_at")[:_HISTORY]
    )
    sources = sources_of(messages=past, user=user)
    turns = []
    was_hidden = False
    for answer in reversed(past):
        if answer.question is None or (answer.content and not answer.search_query):
            continue  # a greeting is nothing that a question could refer to
        asked = answer.question.content
        is_hidden = is_withheld(message=answer, sources=sources[answer.pk])
        was_hidden = was_hidden or is_hidden
        turns.append(
            PastTurn(
                question=asked,
                searched=asked if was_hidden else answer.search_query or asked,
                answer=None if is_hidden else answer.content or None,
            )
        )
    return tuple(turns)
