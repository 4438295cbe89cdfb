"""The stream of an answer to the browser: events, who may have it, and how it ends."""

import asyncio
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient
from django.urls import reverse

from accounts.models import User
from rag.llm.base import ModelUnavailable
from rag.models import Message, MessageSource
from rag.services.turns import run_turn, start_turn
from rag.tests.library import published
from rag.views import stream

QUESTION = "How many days of paid leave does every employee have?"
LEAVE = "Every employee has 30 days of paid leave a year."
ANSWER = "Every employee has 30 days of paid leave [1]."
Event = tuple[str, dict[str, Any]]


@pytest.fixture(autouse=True)
def every_piece_at_once(monkeypatch) -> None:
    """Render each piece, and don't wait between looks at the row."""
    monkeypatch.setattr(stream, "_RENDER_EVERY_S", 0.0)
    monkeypatch.setattr(stream, "_POLL_EVERY_S", 0.0)


@pytest.fixture
def handbook(owner):
    return published(owner, LEAVE, filename="leave.md")


def client_of(user: User) -> AsyncClient:
    client = AsyncClient()
    client.force_login(user)
    return client


def parse(part: bytes) -> Event | None:
    lines = part.decode().strip().split("\n")
    if not lines[0].startswith("event: "):
        return None
    return lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))


async def open_stream(client: AsyncClient, answer: Message) -> Any:
    return await client.get(reverse("rag:answer_stream", args=[answer.pk]))


async def read(client: AsyncClient, answer: Message) -> list[Event]:
    response = await open_stream(client, answer)
    assert response.headers["Content-Type"] == "text/event-stream"
    return [event async for part in response.streaming_content if (event := parse(part))]


def events_of(user: User, answer: Message) -> list[Event]:
    return async_to_sync(read)(client_of(user), answer)


def test_the_answer_grows_and_ends_as_the_message_that_stays(owner, handbook, model):
    model.enqueue("Every employee has **30", " days** of paid leave", " [1].")
    answer = start_turn(user=owner, query=QUESTION)
    events = events_of(owner, answer)
    assert [name for name, _ in events] == ["state", "answer", "answer", "answer", "final"]
    assert events[0][1] == {"text": "Reading 1 passage of 1 document"}
    assert events[1][1]["html"] == "<p>Every employee has **30</p>\n"
    assert "<strong>30 days</strong>" in events[2][1]["html"]
    assert reverse("documents:page", args=[handbook.pk, 1]) in events[3][1]["html"]
    final = events[-1][1]["html"]
    assert f'id="message-{answer.pk}"' in final
    assert "data-stream" not in final
    assert f">{LEAVE}</blockquote>" in final
    answer.refresh_from_db()
    assert (answer.status, answer.content) == (
        "completed",
        "Every employee has **30 days** of paid leave [1].",
    )


def test_what_a_model_writes_is_sanitized_while_it_streams(owner, handbook, model):
    model.enqueue(
        "<img src=x onerror=alert(1)> [x](javascript:alert(1)) ", "![p](https://e.test/p)"
    )
    events = events_of(owner, start_turn(user=owner, query=QUESTION))
    for _, data in events:
        html = data.get("html", "")
        assert "<img" not in html
        assert "https://e.test" not in html.replace("(https://e.test/p)", "")


def test_a_stream_that_is_opened_again_writes_no_second_answer(owner, handbook, model):
    model.enqueue(ANSWER)
    answer = start_turn(user=owner, query=QUESTION)
    first, second = events_of(owner, answer), events_of(owner, answer)
    assert [name for name, _ in second] == ["final"]
    assert second[-1] == first[-1]
    assert len(model.history) == 1


def test_a_second_stream_waits_for_the_first(owner, handbook, model):
    model.enqueue("Every employee has 30 days ", hangs=True)
    answer = start_turn(user=owner, query=QUESTION)
    client = client_of(owner)

    async def both() -> list[Event]:
        first = (await open_stream(client, answer)).streaming_content
        while (parse(await anext(first)) or ("",))[0] != "answer":
            pass
        second = (await open_stream(client, answer)).streaming_content
        assert parse(await anext(second)) is None  # a sign of life, and nothing to show yet
        await first.aclose()
        return [event async for part in second if (event := parse(part))]

    events = async_to_sync(both)()
    assert [name for name, _ in events] == ["final"]
    assert "Stopped" in events[0][1]["html"]
    assert len(model.history) == 1


def test_closing_the_stream_stops_the_model_and_keeps_what_it_wrote(owner, handbook, model):
    model.enqueue("Every employee has 30 days ", hangs=True)
    answer = start_turn(user=owner, query=QUESTION)
    client = client_of(owner)

    async def leave() -> None:
        content = (await open_stream(client, answer)).streaming_content
        reader = asyncio.ensure_future(_drain(content))
        await model.is_waiting.wait()
        reader.cancel()  # what the server does when the browser has gone
        with pytest.raises(asyncio.CancelledError):
            await reader

    async_to_sync(leave)()
    answer.refresh_from_db()
    assert (answer.status, answer.content) == ("stopped", "Every employee has 30 days")
    assert model.closed == 1
    assert [name for name, _ in events_of(owner, answer)] == ["final"]


async def _drain(content: Any) -> None:
    async for _ in content:
        pass


def test_a_model_that_fails_leaves_the_passages_and_a_way_to_try_again(owner, handbook, model):
    model.enqueue("Every", error=ModelUnavailable("The language model does not answer."))
    answer = start_turn(user=owner, query=QUESTION)
    name, data = events_of(owner, answer)[-1]
    assert name == "final"
    assert "The language model does not answer." in data["html"]
    assert f">{LEAVE}</blockquote>" in data["html"]
    assert reverse("rag:again", args=[answer.pk]) in data["html"]


def test_a_question_that_nothing_fits_is_answered_with_not_knowing(owner, model):
    events = events_of(owner, start_turn(user=owner, query=QUESTION))
    assert events[0] == ("state", {"text": "Nothing fits the question"})
    assert "The documents do not say" in events[-1][1]["html"]


@pytest.mark.parametrize("who", ["colleague", "admin", "outsider"])
def test_nobody_else_gets_the_stream_or_sets_it_going(request, owner, handbook, model, who):
    answer = start_turn(user=owner, query=QUESTION)
    response = async_to_sync(open_stream)(client_of(request.getfixturevalue(who)), answer)
    assert response.status_code == 404
    answer.refresh_from_db()
    assert answer.status == "pending"
    assert model.history == []


def test_whoever_is_not_signed_in_gets_no_stream(owner, handbook, model):
    answer = start_turn(user=owner, query=QUESTION)
    response = async_to_sync(open_stream)(AsyncClient(), answer)
    assert response.status_code in (302, 401)
    assert model.history == []


def test_the_conversation_deleted_meanwhile_ends_the_stream(owner, handbook, model):
    model.enqueue("Every employee ", "has 30 days.")
    answer = start_turn(user=owner, query=QUESTION)
    client = client_of(owner)

    async def delete_while_reading() -> list[Event]:
        events = []
        async for part in (await open_stream(client, answer)).streaming_content:
            events.append(parse(part))
            if len(events) == 1:
                await sync_to_async(answer.conversation.delete)()
        return events

    names = [name for name, _ in async_to_sync(delete_while_reading)()]
    assert "final" not in names
    assert not MessageSource.objects.exists()


def test_a_stream_says_that_nothing_may_keep_it(owner, handbook, model):
    model.enqueue(ANSWER)
    answer = start_turn(user=owner, query=QUESTION)
    run_turn(user=owner, message_id=answer.pk)
    response = async_to_sync(open_stream)(client_of(owner), answer)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Request-ID"]
