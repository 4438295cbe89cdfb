"""Streams an answer to the browser while it is written, as sanitized HTML in server-sent events.

Events, each with a JSON object: `state` {text}: what is being done; `answer` {html}: the answer as
far as it has come; `final` {html}: the message as it stays. No thread waits while a model writes.
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from asgiref.sync import sync_to_async
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from accounts.models import User
from knowledge.lib.errors import Conflict, NotFound
from knowledge.lib.streaming import EventStreamResponse
from rag.models import Message
from rag.rendering import Citation, render_answer
from rag.services.turns import stream_turn
from rag.turn_events import Source, SourcesFound, TokenArrived
from rag.views.presentation import citations_of, present_answer
from rag.views.requests import PageRequest

_RENDER_EVERY_S = 0.1
_POLL_EVERY_S = 1.0


@require_GET
async def answer_stream(request: PageRequest, message_id: uuid.UUID) -> EventStreamResponse:
    """Stream the answer: write it if nobody does, else wait for whoever does."""
    user = await request.auser()
    assert isinstance(user, User)  # noqa: S101 - LoginRequiredMiddleware lets nobody else through  # nosec B101
    if await _own_answer(user, message_id) is None:
        raise NotFound
    return EventStreamResponse(_events(user=user, message_id=message_id))


async def _events(*, user: User, message_id: uuid.UUID) -> AsyncGenerator[bytes, None]:
    message = await _own_answer(user, message_id)
    if message is not None and message.current_status == Message.Status.PENDING:
        try:
            # Closed with the stream: a closed tab or the stop button ends the model's call.
            async with aclosing(_written(user=user, message_id=message_id)) as events:
                async for event in events:
                    yield event
        except (Conflict, NotFound):
            pass  # another stream was faster, or the conversation has been deleted
    async for event in _until_settled(user, message_id):
        yield event


async def _written(*, user: User, message_id: uuid.UUID) -> AsyncGenerator[bytes, None]:
    """Write the answer, and yield it as often as a person can take it in."""
    citations: dict[int, Citation] = {}
    text, rendered_at = "", 0.0
    async with aclosing(stream_turn(user=user, message_id=message_id)) as turn:
        async for event in turn:
            if isinstance(event, SourcesFound):
                citations = citations_of(event.sources)
                yield _event("state", text=_state(event.sources))
            elif isinstance(event, TokenArrived):
                text += event.text
                if time.monotonic() - rendered_at >= _RENDER_EVERY_S:
                    yield _event("answer", html=render_answer(text, citations))
                    rendered_at = time.monotonic()


async def _until_settled(user: User, message_id: uuid.UUID) -> AsyncGenerator[bytes, None]:
    """Wait until the answer is complete, stopped or failed, and yield it."""
    while message := await _own_answer(user, message_id):
        if not message.is_open:
            yield _event("final", html=await sync_to_async(_render)(message, user))
            return
        yield b": still being answered\n\n"
        await asyncio.sleep(_POLL_EVERY_S)


async def _own_answer(user: User, message_id: uuid.UUID) -> Message | None:
    answers = Message.objects.visible_to(user).answers()
    return await answers.filter(pk=message_id).afirst()


def _render(message: Message, user: User) -> str:
    return render_to_string("rag/_answer.html", {"answer": present_answer(message, user=user)})


def _state(sources: Sequence[Source]) -> str:
    if not sources:
        return "Nothing fits the question"
    documents = len({source.document_id for source in sources})
    return (
        f"Reading {len(sources)} passage{'s' if len(sources) != 1 else ''} "
        f"of {documents} document{'s' if documents != 1 else ''}"
    )


def _event(name: str, **data: str) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
