"""One answer: as it stands now, and what people think of it."""

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from knowledge.lib.errors import NotFound, Unprocessable
from rag.forms import FeedbackForm, first_error
from rag.models import Message
from rag.services.feedback import COMMENT_CHARACTERS, give_feedback
from rag.views.presentation import present_answer
from rag.views.requests import PageRequest


@require_GET
def answer(request: PageRequest, message_id: uuid.UUID) -> HttpResponse:
    """Return an answer as it stands, finished or not."""
    message = _own_answer(request, message_id)
    return render(
        request, "rag/_answer.html", {"answer": present_answer(message, user=request.user)}
    )


@require_POST
def feedback(request: PageRequest, message_id: uuid.UUID) -> HttpResponse:
    """Keep a thumb, and the comment that goes with it."""
    message = _own_answer(request, message_id)
    form = FeedbackForm(request.POST)
    if not form.is_valid():
        raise Unprocessable(first_error(form))
    rating, comment = form.cleaned_data["rating"], form.cleaned_data["comment"]
    saved = bool(comment) and comment != message.comment
    give_feedback(message=message, actor=request.user, rating=rating, comment=comment)
    return render(
        request,
        "rag/_answer.html#feedback",
        {"message": message, "saved": saved, "comment_characters": COMMENT_CHARACTERS},
    )


def _own_answer(request: PageRequest, message_id: uuid.UUID) -> Message:
    answers = Message.objects.visible_to(request.user).answers()
    found = answers.filter(pk=message_id).first()
    if found is None:
        raise NotFound
    return found
