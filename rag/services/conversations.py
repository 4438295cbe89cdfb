"""Renames, narrows and deletes conversations."""

from django.db import transaction

from accounts import audit
from accounts.models import User
from documents.narrowing import Narrowing
from knowledge.lib.errors import InvalidInput, NotFound
from rag.models import Conversation

_TITLE_CHARACTERS = 80


def rename_conversation(*, conversation: Conversation, actor: User, title: str) -> Conversation:
    """Give a conversation of the actor another title."""
    _require_own(conversation, actor)
    conversation.title = " ".join(title.split())
    if not conversation.title:
        raise InvalidInput("A conversation needs a title.")
    conversation.full_clean(exclude=["user"])
    conversation.save(update_fields=["title"])
    return conversation


def narrow_conversation(
    *, conversation: Conversation, actor: User, narrowing: Narrowing
) -> Conversation:
    """Have a conversation of the actor ask these documents alone, from the next question on.

    Whatever is chosen, only what the actor may read is ever asked.
    """
    _require_own(conversation, actor)
    conversation.filters = narrowing.as_json()
    conversation.save(update_fields=["filters"])
    return conversation


@transaction.atomic
def delete_conversation(*, conversation: Conversation, actor: User) -> None:
    """Delete a conversation of the actor; what its answers cost stays in the ledger."""
    _require_own(conversation, actor)
    audit.record(
        action="conversation.deleted",
        actor=actor,
        target=conversation,
        messages=conversation.messages.count(),
    )
    conversation.delete()


def title_from(question: str) -> str:
    """Return a title made of the question's beginning, cut between words."""
    title = " ".join(question.split())
    if len(title) <= _TITLE_CHARACTERS:
        return title
    cut = title[: _TITLE_CHARACTERS - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut) + "\u2026"


def _require_own(conversation: Conversation, actor: User) -> None:
    if not Conversation.objects.visible_to(actor).filter(pk=conversation.pk).exists():
        raise NotFound
