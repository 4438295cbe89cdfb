"""Admits requests to the threads that work on them, and refuses what is too much at once."""

import errno
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from knowledge.lib.early_refusals import refuse
from knowledge.lib.errors import AppError, Overloaded, StorageFull
from knowledge.lib.overload import Gate

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# What tells whether the process lives has to answer then of all times.
_ALWAYS = frozenset({"/health", "/health/ready"})


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
        await refuse(scope, self._send, error)
