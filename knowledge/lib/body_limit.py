"""Refuses a request body over the limit; Django would first keep all of it on the disk."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from knowledge.lib.early_refusals import refuse
from knowledge.lib.errors import TooLarge

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyLimit:
    """An ASGI application around another: reads no more than `max_bytes` of each request.

    A body that is announced too long is refused at once (curl then doesn't even send it), one of
    unknown length when it gets too long.
    """

    def __init__(self, application: Application, *, max_bytes: int) -> None:
        self._application = application
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
        elif _announced(scope) > self._max_bytes:
            await self._refuse(scope, send)
        else:
            await self._count(scope, receive, send)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        received, is_over, is_answered = 0, False, False

        async def receive_counted() -> Message:
            nonlocal received, is_over
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                is_over = True
                return {"type": "http.disconnect"}  # Django drops what it has
            return message

        async def send_watched(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        await self._application(scope, receive_counted, send_watched)
        if is_over and not is_answered:
            await self._refuse(scope, send)

    async def _refuse(self, scope: Scope, send: Send) -> None:
        error = TooLarge(
            "The request is larger than this server accepts. Upload fewer files at once.",
            details={"limit_bytes": self._max_bytes},
        )
        await refuse(scope, send, error)


def _announced(scope: Scope) -> int:
    """Return the Content-Length in bytes; 0 where there is none, or nonsense."""
    value = dict(scope.get("headers", [])).get(b"content-length", b"")
    return int(value) if value.isdigit() and len(value) < 20 else 0
