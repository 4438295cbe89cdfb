"""Which documents a conversation asks: shown above the question, chosen and taken back."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from documents.models import Document, DocumentTag
from documents.narrowing import Narrowing
from knowledge.lib.errors import NotFound
from rag.forms import NarrowingForm
from rag.models import Conversation
from rag.services.conversations import narrow_conversation
from rag.views.requests import PageRequest


@dataclass(frozen=True)
class NarrowingView:
    """A choice as its owner may see it now.

    Attributes:
        documents: those of the chosen ones that they may see.
        gone: how many of them they may not see, or that are not there any more.
    """

    narrowing: Narrowing
    documents: Sequence[Document]
    gone: int


def present_narrowing(narrowing: Narrowing, user: User) -> NarrowingView | None:
    """Return what is shown of a choice; None where everything is asked."""
    if not narrowing:
        return None
    chosen = Document.objects.visible_to(user).filter(pk__in=narrowing.documents)
    documents = list(chosen.order_by("filename", "pk"))
    return NarrowingView(narrowing, documents, len(narrowing.documents) - len(documents))


@require_GET
def choices(request: PageRequest) -> HttpResponse:
    """Give the tags and collections that can be chosen, for the dialog of a conversation."""
    conversation = _own(request, request.GET.get("conversation", ""))
    narrowing = conversation.narrowing if conversation else NarrowingForm(request.GET).narrowing
    visible = Document.objects.visible_to(request.user)
    context = {
        "conversation": conversation,
        "narrowing": narrowing,
        "collections": visible.collections(),
        "tags": DocumentTag.objects.of(visible),
    }
    return render(request, "rag/_narrowing.html#choices", context)


@require_POST
def narrow(request: PageRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Have a conversation ask other documents; nothing chosen is everything."""
    conversation = _own(request, str(conversation_id))
    if conversation is None:
        raise NotFound
    narrow_conversation(
        conversation=conversation,
        actor=request.user,
        narrowing=NarrowingForm(request.POST).narrowing,
    )
    if not request.htmx:
        return redirect("rag:conversation", conversation_id)
    context = {
        "conversation": conversation,
        "narrowed": present_narrowing(conversation.narrowing, request.user),
    }
    return render(request, "rag/_narrowing.html", context)


def _own(request: PageRequest, key: str) -> Conversation | None:
    try:
        wanted = uuid.UUID(key)
    except ValueError:
        return None
    return Conversation.objects.visible_to(request.user).filter(pk=wanted).first()
