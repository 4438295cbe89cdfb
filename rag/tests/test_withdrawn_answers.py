"""An answer under way ends when one of its documents goes, and tells nothing of it any more."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from asgiref.sync import sync_to_async

from documents.models import Document
from documents.services import delete_documents, share_document
from rag.answering import Answer
from rag.embedding.counting import EmbeddingCount
from rag.llm.base import ModelUnavailable
from rag.models import Message
from rag.retrieval import retrieve
from rag.services import watched_text
from rag.services.sources import WITHHELD, answer_text, keep_sources
from rag.services.turn_opening import open_turn
from rag.services.turn_records import Settlement, settle_turn
from rag.services.turns import (
    SourcesFound,
    TokenArrived,
    TurnDone,
    message_sources,
    run_turn,
    start_turn,
    stream_turn,
)
from rag.services.watched_text import Withdrawn, while_readable
from rag.tests.api import client_of, parsed
from rag.tests.library import published

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = "How many days of paid leave does every employee have?"
LEAVE = "Every employee has 30 days of paid leave a year."
SAID, UNSAID = "Every employee has", " 30 days of paid leave [1]."


@pytest.fixture
def handbook(owner) -> Document:
    return published(owner, LEAVE, filename="leave.md", visibility="organization")


@pytest.fixture(params=["deleted", "unshared"])
def goes(request, handbook, owner, admin):
    """Make the document go from the colleague who asks."""

    def delete() -> None:
        delete_documents(documents=Document.objects.filter(pk=handbook.pk), actor=admin)

    def unshare() -> None:
        share_document(document=handbook, actor=owner, visibility="private")

    return {"deleted": delete, "unshared": unshare}[request.param]


async def asked(user) -> Message:
    return await sync_to_async(start_turn)(user=user, query=QUESTION)


async def test_nothing_is_told_after_the_document_has_gone(colleague, goes, model):
    model.enqueue(SAID, UNSAID)
    message = await asked(colleague)
    told = []
    async with aclosing(stream_turn(user=colleague, message_id=message.pk)) as events:
        async for event in events:
            told.append(event)
            if isinstance(event, TokenArrived):
                await sync_to_async(goes)()
    assert [type(event) for event in told] == [SourcesFound, TokenArrived, TurnDone]
    assert told[1] == TokenArrived(SAID)
    await message.arefresh_from_db()
    assert message.status == Message.Status.STOPPED
    sources = await sync_to_async(message_sources)(message=message, user=colleague)
    assert [(s.available, s.filename, s.content, s.url) for s in sources] == [(False, "", "", "")]
    text = await sync_to_async(answer_text)(message=message, sources=sources)
    assert text == WITHHELD


async def test_it_ends_while_the_model_says_nothing_too(colleague, goes, model, monkeypatch):
    """What was held back when the document went is not told either."""
    monkeypatch.setattr(watched_text, "LOOK_EVERY_S", 0.05)
    model.enqueue(SAID, UNSAID, hangs=True)
    message = await asked(colleague)
    told = []
    async with aclosing(stream_turn(user=colleague, message_id=message.pk)) as events:
        async for event in events:
            told.append(event)
            if isinstance(event, TokenArrived):
                await sync_to_async(goes)()
    assert [type(event) for event in told] == [SourcesFound, TokenArrived, TurnDone]
    assert model.closed == 1  # the model's call has ended with it


def test_what_the_offline_answerer_was_cut_off_at_is_withheld_too(colleague, owner, handbook):
    """The citation comes last, so what came before it names no source yet."""
    message = start_turn(user=colleague, query=QUESTION)
    turn = open_turn(user=colleague, message_id=message.pk)
    assert turn is not None
    found = retrieve(user=colleague, query=QUESTION, top_k=3)
    keep_sources(message=turn.message, user=colleague, passages=found.passages)
    settle_turn(
        turn=turn,
        settlement=Settlement(
            status=Message.Status.STOPPED,
            answer=Answer("Every employee has 30 days of"),
            error_message="",
            searched=QUESTION,
            model="extractive",
            uses_all=False,
            prompt=None,
            parameters={},
            calls=(),
            timings={"retrieve": 1, "total": 1},
            embedded=(EmbeddingCount(), EmbeddingCount()),
            reserved=(),
        ),
    )
    share_document(document=handbook, actor=owner, visibility="private")
    message.refresh_from_db()
    sources = message_sources(message=message, user=colleague)
    assert answer_text(message=message, sources=sources) == WITHHELD


def test_the_api_brings_the_end_of_such_an_answer_without_its_words(colleague, goes, model):
    model.enqueue(SAID, UNSAID)
    client = client_of(colleague)
    response = client.post("/api/chat", {"query": QUESTION, "stream": True})

    async def read() -> bytes:
        body = b""
        async for block in response:
            body += block
            if block.startswith(b"event: token"):
                await sync_to_async(goes)()
        return body

    events = parsed(asyncio.run(read()))
    assert [name for name, _ in events] == ["sources", "token", "done"]
    done = events[-1][1]
    assert (done["answer"], done["status"]) == (WITHHELD, "stopped")
    assert [(s["filename"], s["content"]) for s in done["sources"]] == [("", "")]


def test_a_document_that_goes_between_search_and_answer_is_not_used_at_all(
    colleague, owner, goes, model, monkeypatch
):
    other = published(owner, "Employees book paid leave early.", visibility="organization")
    real = keep_sources

    def late(**given):
        goes()
        return real(**given)

    monkeypatch.setattr("rag.services.turns.keep_sources", late)
    model.enqueue("Book early [1].")
    answer = run_turn(user=colleague, message_id=start_turn(user=colleague, query=QUESTION).pk)
    sources = message_sources(message=answer, user=colleague)
    assert {source.document_id for source in sources} == {other.pk}
    assert LEAVE not in str(model.history)


def test_a_wording_made_from_a_document_that_went_is_not_told_to_the_model_later(
    colleague, owner, goes, model
):
    published(owner, "Trainees have 20 days of paid leave a year.", visibility="organization")
    model.enqueue("Every employee has 30 days of paid leave a year [1].")
    first = run_turn(user=colleague, message_id=start_turn(user=colleague, query=QUESTION).pk)
    follow = {"user": colleague, "conversation_id": first.conversation_id}
    model.enqueue("Do trainees have 30 days of paid leave like every employee?")
    model.enqueue("Trainees have 20 days of paid leave a year [1].")
    run_turn(user=colleague, message_id=start_turn(query="And for trainees?", **follow).pk)
    goes()
    model.enqueue(error=ModelUnavailable("down"))  # so that the rule takes words from before
    run_turn(user=colleague, message_id=start_turn(query="And for interns?", **follow).pk)
    assert len(model.history) == 5
    assert "30 days" not in str(model.history[-2:])
    assert model.history[-1].question == "And for interns? (trainees)"


# --- the watch itself ---------------------------------------------------------------------------


async def spoken(*pieces: str, error: Exception | None = None) -> AsyncGenerator[str, None]:
    for piece in pieces:
        yield piece
    if error:
        raise error


async def yes() -> bool:
    return True


async def test_pieces_that_come_fast_go_out_together_and_none_is_lost(monkeypatch):
    monkeypatch.setattr(watched_text, "LOOK_EVERY_S", 60.0)
    looks = 0

    async def look() -> bool:
        nonlocal looks
        looks += 1
        return True

    shown = [text async for text in while_readable(spoken(*"abcdefgh"), look)]
    assert (shown, looks) == (["a", "bcdefgh"], 2)


async def test_what_is_held_back_goes_out_in_time_though_nothing_more_comes(monkeypatch):
    monkeypatch.setattr(watched_text, "LOOK_EVERY_S", 0.01)

    async def stalls() -> AsyncGenerator[str, None]:
        yield "a"
        yield "b"
        await asyncio.Event().wait()

    async with aclosing(while_readable(stalls(), yes)) as shown:
        assert [await anext(shown), await anext(shown)] == ["a", "b"]


async def test_an_error_comes_after_what_came_before_it(monkeypatch):
    monkeypatch.setattr(watched_text, "LOOK_EVERY_S", 60.0)
    shown = []
    with pytest.raises(ModelUnavailable):
        async for text in while_readable(spoken("a", "b", error=ModelUnavailable("down")), yes):
            shown.append(text)
    assert shown == ["a", "b"]


async def test_a_look_that_fails_ends_it_before_the_text():
    async def no() -> bool:
        return False

    with pytest.raises(Withdrawn):
        await anext(while_readable(spoken("secret"), no))


async def test_the_pieces_are_closed_with_the_watch():
    closed = time.monotonic()

    async def endless() -> AsyncGenerator[str, None]:
        nonlocal closed
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            closed = -1.0

    pieces = endless()
    async with aclosing(pieces), aclosing(while_readable(pieces, yes)) as shown:
        await anext(shown)
    assert closed == -1.0
