"""The list of conversations: search, rename, delete."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import User
from knowledge.lib.errors import NotFound, Unprocessable
from knowledge.lib.htmx import redirect_page
from rag.forms import RenameForm, first_error
from rag.models import Conversation
from rag.services.conversations import delete_conversation, rename_conversation
from rag.views.presentation import group_by_age
from rag.views.requests import PageRequest

_LISTED = 60


def list_context(
    user: User, *, current_id: uuid.UUID | None = None, search: str = ""
) -> dict[str, Any]:
    """Return what the list of conversations shows."""
    found = Conversation.objects.visible_to(user).search(search).order_by("-updated_at")
    listed = list(found[: _LISTED + 1])
    return {
        "groups": group_by_age(listed[:_LISTED]),
        "older": len(listed) > _LISTED,
        "search": search,
        "current_id": current_id,
    }


@require_GET
def conversations(request: PageRequest) -> HttpResponse:
    """Return the list that matches the search."""
    search = request.GET.get("search", "").strip()[:200]
    context = list_context(request.user, current_id=_current_id(request), search=search)
    return render(request, "rag/chat.html#conversations", context)


@require_http_methods(["GET", "POST"])
def rename(request: PageRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Return the item as a form, take the new title, or return the item as it was."""
    conversation = _own(request, conversation_id)
    context = {"conversation": conversation, "current_id": _current_id(request)}
    if request.method == "GET" and "cancel" not in request.GET:
        return render(request, "rag/_conversation.html#rename", context)
    if request.method == "POST":
        form = RenameForm(request.POST)
        if not form.is_valid():
            raise Unprocessable(first_error(form))
        rename_conversation(
            conversation=conversation, actor=request.user, title=form.cleaned_data["title"]
        )
    return render(request, "rag/_conversation.html", context | {"take_focus": True})


@require_POST
def delete(request: PageRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Delete a conversation; whoever is looking at it is taken to a new one."""
    conversation = _own(request, conversation_id)
    delete_conversation(conversation=conversation, actor=request.user)
    if not request.htmx or _current_id(request) == conversation_id:
        return redirect_page(request, reverse("rag:chat"))
    return HttpResponse()


def _own(request: PageRequest, conversation_id: uuid.UUID) -> Conversation:
    found = Conversation.objects.visible_to(request.user).filter(pk=conversation_id).first()
    if found is None:
        raise NotFound
    return found


def _current_id(request: PageRequest) -> uuid.UUID | None:
    """Return the conversation that the browser shows, as htmx reports it."""
    path = request.htmx.current_url_abs_path or ""
    try:
        match = resolve(path.partition("?")[0])
    except Resolver404:
        return None
    current: uuid.UUID | None = match.kwargs.get("conversation_id")
    return current
