"""The chat page, and asking."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from documents.narrowing import Narrowing
from knowledge.lib.errors import Conflict, NotFound, Unprocessable
from rag import budgets
from rag.forms import NarrowingForm, QuestionForm, first_error
from rag.models import Conversation, Message
from rag.services.turns import start_turn
from rag.services.unanswered import notice_for
from rag.suggestions import welcome
from rag.views.conversations import list_context
from rag.views.narrowing import present_narrowing
from rag.views.presentation import present_answer, present_answers
from rag.views.requests import PageRequest

# Messages that a long conversation opens with; the rest is one click away.
_RECENT = 40


@require_GET
def new_conversation(request: PageRequest) -> HttpResponse:
    """Show an empty conversation, and what can be asked."""
    narrowing = NarrowingForm(request.GET).narrowing
    context = _page_context(request.user, narrowing=narrowing) | {
        "welcome": welcome(user=request.user, narrowing=narrowing),
    }
    return render(request, "rag/chat.html", context)


@require_GET
def conversation(request: PageRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Show a conversation from its end."""
    found = Conversation.objects.visible_to(request.user).filter(pk=conversation_id).first()
    if found is None:
        raise NotFound
    messages = list(found.messages.order_by("-created_at")[: _RECENT + 1])
    whole = "all" in request.GET or len(messages) <= _RECENT
    if "all" in request.GET:
        messages = list(found.messages.order_by("-created_at"))
    shown = messages if whole else messages[:_RECENT]
    context = _page_context(request.user, narrowing=found.narrowing, current=found) | {
        "thread": _thread(shown, request.user),
        "earlier_url": "" if whole else f"{request.path}?all=1",
    }
    return render(request, "rag/chat.html", context)


@require_POST
def ask(request: PageRequest) -> HttpResponse:
    """Take a question; the answer streams from its own address."""
    form = QuestionForm(request.POST)
    if not form.is_valid():
        raise Unprocessable(first_error(form))
    current = form.cleaned_data["conversation"]
    answer = start_turn(
        user=request.user,
        query=form.cleaned_data["query"],
        conversation_id=current,
        # A conversation that is there keeps what was chosen for it.
        narrowing=NarrowingForm(request.POST).narrowing if current is None else None,
    )
    return _asked(request, answer, is_first=current is None)


@require_POST
def ask_again(request: PageRequest, message_id: uuid.UUID) -> HttpResponse:
    """Ask the question of a failed or stopped answer once more."""
    answers = Message.objects.visible_to(request.user).answers()
    answer = answers.select_related("question").filter(pk=message_id).first()
    if answer is None or answer.question is None:
        raise NotFound
    if answer.is_open:
        raise Conflict("This question is being answered.")
    again = start_turn(
        user=request.user,
        query=answer.question.content,
        conversation_id=answer.conversation_id,
    )
    return _asked(request, again)


def _asked(request: PageRequest, answer: Message, *, is_first: bool = False) -> HttpResponse:
    url = reverse("rag:conversation", args=[answer.conversation_id])
    if not request.htmx:
        return redirect(url)
    context = list_context(request.user, current_id=answer.conversation_id) | {
        "question": answer.question,
        "answer": present_answer(answer, user=request.user),
        "conversation": answer.conversation,
        "narrowed": present_narrowing(answer.conversation.narrowing, request.user),
        "is_first": is_first,
        "budget_warnings": budgets.warnings(user=request.user),
    }
    response = render(request, "rag/chat.html#asked", context)
    response.headers["HX-Push-Url"] = url
    return response


def _thread(newest_first: Sequence[Message], user: User) -> list[dict[str, Any]]:
    answers = present_answers(newest_first, user=user)
    return [
        {"answer": answers.get(message.pk), "question": message}
        for message in reversed(newest_first)
    ]


def _page_context(
    user: User, *, narrowing: Narrowing, current: Conversation | None = None
) -> dict[str, Any]:
    return list_context(user, current_id=current.pk if current else None) | {
        "conversation": current,
        "narrowed": present_narrowing(narrowing, user),
        "max_characters": settings.MAX_QUERY_CHARACTERS,
        "budget_warnings": budgets.warnings(user=user),
        "privacy_notice": notice_for(user),
    }
