"""A request body over the limit is refused before the application keeps it."""

import asyncio
import json
from typing import Any

import pytest

from knowledge.lib.body_limit import BodyLimit


class Echo:
    """Reads the body as Django does and answers with its length; a disconnect ends it."""

    read = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            self.read += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % self.read})


def ask(parts: list[bytes], *, announced: int | None = None) -> tuple[int, bytes, Echo]:
    echo, sent = Echo(), []
    messages = [
        {"type": "http.request", "body": part, "more_body": n < len(parts)}
        for n, part in enumerate(parts, 1)
    ]
    headers = [] if announced is None else [(b"content-length", b"%d" % announced)]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": headers}
    asyncio.run(BodyLimit(echo, max_bytes=100)(scope, receive, send))
    assert [m["type"] for m in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], sent[1]["body"], echo


def test_a_body_up_to_the_limit_passes() -> None:
    assert ask([b"x" * 60, b"x" * 40], announced=100)[:2] == (200, b"100")


def test_a_body_that_is_announced_too_long_is_never_read() -> None:
    status, body, echo = ask([b"x" * 101], announced=101)
    assert (status, echo.read) == (413, 0)
    assert json.loads(body)["error"]["code"] == "too_large"


@pytest.mark.parametrize("announced", [None, 5])
def test_a_body_of_unknown_or_untrue_length_is_cut_off(announced: int | None) -> None:
    status, _, echo = ask([b"x" * 60, b"x" * 41, b"x" * 1000], announced=announced)
    assert (status, echo.read) == (413, 60)
