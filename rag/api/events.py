"""The answer as server-sent events: `sources`, `token`…, then `done` or `error`."""

import json
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from asgiref.sync import sync_to_async
from rest_framework.utils.encoders import JSONEncoder

from accounts.models import User
from knowledge.lib.errors import AppError, error_body
from rag.api.presentation import present_answer
from rag.api.serializers import SourceSerializer
from rag.services.turns import SourcesFound, TokenArrived, TurnEvent, TurnFailed, stream_turn
from rag.turn_events import Source


async def answer_events(
    *, user: User, message_id: uuid.UUID, conversation_id: uuid.UUID
) -> AsyncGenerator[bytes, None]:
    """Yield the events of one turn; closing the iterator stops the model."""
    try:
        async with aclosing(stream_turn(user=user, message_id=message_id)) as turn:
            async for event in turn:
                yield await _encoded(event, user, message_id, conversation_id)
    except AppError as error:  # the message was deleted, or is being answered elsewhere
        yield _event("error", error_body(error.code, error.message, error.details))


async def _encoded(
    event: TurnEvent, user: User, message_id: uuid.UUID, conversation_id: uuid.UUID
) -> bytes:
    ids: dict[str, Any] = {"message_id": str(message_id), "conversation_id": str(conversation_id)}
    if isinstance(event, SourcesFound):
        return _event("sources", {**ids, "sources": _sources(event.sources)})
    if isinstance(event, TokenArrived):
        return _event("token", {"text": event.text})
    if isinstance(event, TurnFailed):
        retry = {"retry_after_s": event.retry_after_s} if event.retry_after_s else {}
        return _event("error", error_body(event.code, event.message, ids | retry))
    answer = await sync_to_async(present_answer)(message_id=message_id, user=user)
    return _event("done", answer)


def _sources(sources: Sequence[Source]) -> Any:
    return SourceSerializer(sources, many=True).data  # type: ignore[arg-type]


def _event(name: str, data: Any) -> bytes:
    # JSON holds no line end outside of escapes, so one data line is enough.
    return f"event: {name}\ndata: {json.dumps(data, cls=JSONEncoder)}\n\n".encode()
