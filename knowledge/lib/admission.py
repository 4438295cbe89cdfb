"""Admits requests to the threads that work on them, and refuses what is too much at once."""

import errno
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from knowledge.lib.errors import AppError, Overloaded, StorageFull, error_body
from knowledge.lib.overload import Gate

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# What tells whether the process lives has to answer then of all times.
_ALWAYS = frozenset({"/health", "/health/ready"})
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Please try again</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
    "<body><h1 data-error-message>{message}</h1>"
    "<p>Go back, and what you wrote is still there.</p></body></html>"
)


class Admission:
    """An ASGI application around another: each request waits here for a place, not in a thread.

    Django gives each request a thread and a database connection, so a thousand at once would take
    the memory of a thousand. A request takes its place once its body has arrived and gives it back
    when its answer begins, so that slow uploads, slow downloads and streams hold none.
    """

    def __init__(self, application: Application, *, gate: Gate) -> None:
        self._application = application
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._application(scope, receive, send)
            return
        request = _Request(self._gate, receive, send)
        try:
            async with request.place:
                self._gate.require_room()
                await self._application(scope, request.receive, request.send)
        except Overloaded as error:
            await request.refuse(scope, error)
        except OSError as error:
            # Django keeps a long body in a temporary file, and there was no room for it.
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            await request.refuse(scope, StorageFull())


class _Request:
    """One request, with the place that it holds between its last byte and its answer."""

    def __init__(self, gate: Gate, receive: Receive, send: Send) -> None:
        self.place = AsyncExitStack()
        self._gate = gate
        self._receive = receive
        self._send = send
        self._is_admitted = self._is_answered = False

    async def receive(self) -> Message:
        message = await self._receive()
        is_whole = message["type"] == "http.request" and not message.get("more_body", False)
        if is_whole and not self._is_admitted:
            await self.place.enter_async_context(self._gate.entered_by_task())
            self._is_admitted = True
        return message

    async def send(self, message: Message) -> None:
        self._is_answered = True
        await self.place.aclose()
        await self._send(message)

    async def refuse(self, scope: Scope, error: AppError) -> None:
        if self._is_answered:
            raise error
        body, content_type = _body(scope, error)
        headers = [
            (b"content-type", content_type),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            # Idle connections of those who were refused would count against the server's limit.
            (b"connection", b"close"),
        ]
        if error.retry_after_s:
            headers.append((b"retry-after", str(error.retry_after_s).encode()))
        start = {"type": "http.response.start", "status": error.status, "headers": headers}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _body(scope: Scope, error: AppError) -> tuple[bytes, bytes]:
    """Return the error as scripts and as browsers read it, and its content type."""
    accepts = dict(scope.get("headers", [])).get(b"accept", b"")
    if b"text/html" in accepts or b"hx-request" in dict(scope.get("headers", [])):
        return _PAGE.format(message=error.message).encode(), b"text/html; charset=utf-8"
    body = json.dumps(error_body(error.code, error.message, error.details))
    return body.encode(), b"application/json"
