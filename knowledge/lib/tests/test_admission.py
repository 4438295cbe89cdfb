"""Requests wait for a place without a thread; what is too much is answered 503 at once."""

import asyncio
import errno
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from knowledge.lib.admission import Admission
from knowledge.lib.overload import Gate, Limits

BODY = {"type": "http.request", "body": b"", "more_body": False}
PART = {"type": "http.request", "body": b"part", "more_body": True}


class Exchange:
    """One request and what was sent for it."""

    def __init__(self, path: str = "/api/x", messages: Any = (BODY,), **headers: str) -> None:
        named = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        self.scope = {"type": "http", "path": path, "headers": named}
        self.messages = list(messages)
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if not self.messages:
            await asyncio.Event().wait()  # a client that stays and says nothing more
        return self.messages.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])


class Work:
    """An application that reads the body, as Django does, and works until it is told to answer."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_end = asyncio.Event()
        self.working = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        self.working += 1
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await self.may_end.wait()
        await send({"type": "http.response.body", "body": b"done"})


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await story()

    asyncio.run(bounded())


def admission(work: Any, *, places: int = 1, queue: int = 0, wait_s: float = 30) -> Admission:
    return Admission(work, gate=Gate("requests", lambda: Limits(places, queue, wait_s)))


def begin(app: Admission, exchange: Exchange) -> asyncio.Task[None]:
    return asyncio.create_task(app(exchange.scope, exchange.receive, exchange.send))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


def test_what_is_too_much_is_told_when_to_come_back_in_the_shape_of_every_error():
    async def story() -> None:
        work = Work()
        app = admission(work)
        begin(app, Exchange())
        await until(lambda: work.working == 1)
        refused = Exchange(accept="application/json")
        await app(refused.scope, refused.receive, refused.send)
        assert refused.status == 503
        assert int(refused.headers[b"retry-after"]) >= 30
        assert refused.headers[b"connection"] == b"close"
        error = json.loads(refused.body)["error"]
        assert (error["code"], set(error)) == ("overloaded", {"code", "message", "details"})
        assert work.working == 1

    run(story)


@pytest.mark.parametrize("headers", [{"accept": "text/html,*/*"}, {"hx_request": "true"}])
def test_a_browser_gets_a_sentence_where_the_pages_look_for_it(headers):
    async def story() -> None:
        work = Work()
        app = admission(work)
        begin(app, Exchange())
        await until(lambda: work.working == 1)
        refused = Exchange("/chat/", **headers)
        await app(refused.scope, refused.receive, refused.send)
        assert refused.status == 503
        assert b"<h1 data-error-message>Too many people are asking" in refused.body

    run(story)


def test_health_is_answered_whatever_else_goes_on():
    async def story() -> None:
        work = Work()
        app = admission(work)
        begin(app, Exchange())
        await until(lambda: work.working == 1)
        begin(app, Exchange("/health"))
        await until(lambda: work.working == 2)

    run(story)


def test_a_place_is_held_from_the_last_byte_of_the_question_to_the_first_of_the_answer():
    async def story() -> None:
        work = Work()
        app = admission(work)
        slow_upload = begin(app, Exchange(messages=[PART]))
        await asyncio.sleep(0)
        begin(app, Exchange())
        await until(lambda: work.working == 1)  # the upload holds no place
        work.may_answer.set()  # the answer begins, and goes on for long
        await asyncio.sleep(0)
        begin(app, Exchange())
        await until(lambda: work.working == 2)
        slow_upload.cancel()

    run(story)


def test_one_who_waits_gets_the_place_and_one_who_waits_too_long_is_refused():
    async def story() -> None:
        work = Work()
        app = admission(work, queue=1)
        first, second = Exchange(), Exchange()
        begin(app, first)
        await until(lambda: work.working == 1)
        waiting = begin(app, second)
        await asyncio.sleep(0)
        work.may_answer.set()
        work.may_end.set()
        await waiting
        assert (first.status, second.status) == (200, 200)

        stuck = Work()
        app = admission(stuck, queue=1, wait_s=0.01)
        begin(app, Exchange())
        await until(lambda: stuck.working == 1)
        late = Exchange()
        await app(late.scope, late.receive, late.send)
        assert late.status == 503

    run(story)


def test_a_failed_request_gives_its_place_back():
    async def story() -> None:
        async def broken(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            raise KeyError

        app = admission(broken)
        for _ in range(3):
            exchange = Exchange()
            with pytest.raises(KeyError):
                await app(exchange.scope, exchange.receive, exchange.send)

    run(story)


def test_a_body_that_the_disk_has_no_room_for_is_told_so():
    async def story() -> None:
        async def full(scope: Any, receive: Any, send: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        exchange = Exchange(accept="application/json")
        await admission(full)(exchange.scope, exchange.receive, exchange.send)
        assert exchange.status == 507
        assert json.loads(exchange.body)["error"]["code"] == "storage_full"

    run(story)
