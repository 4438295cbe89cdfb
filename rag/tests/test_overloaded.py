"""More questions than a process can answer: 503, when to return, and nothing is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError
from django.urls import reverse

from knowledge.lib.errors import Overloaded
from knowledge.lib.overload import Gate, Limits
from rag import retrieval
from rag.answering import answer_gate
from rag.embedding.base import Embedder
from rag.llm.base import ModelUnavailable
from rag.models import Message, UsageRecord
from rag.services import turns
from rag.services.turns import run_turn, start_turn
from rag.tests.api import client_of, parsed
from rag.tests.library import published

QUESTION = "How many days of paid leave does every employee have?"
LEAVE = "Every employee has 30 days of paid leave a year."
LIMIT_S = 5.0  # of what must come to pass; nothing waits for it to be over
ANSWER = "Every employee has 30 days of paid leave [1]."


@pytest.fixture(autouse=True)
def small(settings) -> None:
    """Room for one of each, and for nobody who waits."""
    for name in ("SEARCH", "ANSWER", "REQUEST"):
        setattr(settings, f"{name}_PLACES", 1)
        setattr(settings, f"{name}_QUEUE", 0)


@pytest.fixture
def handbook(owner):
    return published(owner, LEAVE, filename="leave.md")


def assert_refused(response) -> None:
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert response.json()["error"]["code"] == "overloaded"


def test_a_search_too_many_is_refused(owner, handbook):
    client = client_of(owner)
    with retrieval._gate.entered():
        assert_refused(client.post("/api/retrieval", {"query": QUESTION}))
    assert client.post("/api/retrieval", {"query": QUESTION}).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_question_too_many_is_refused_before_it_is_stored(owner, handbook, model, stream):
    with answer_gate.entered():
        assert_refused(client_of(owner).post("/api/chat", {"query": QUESTION, "stream": stream}))
    assert not Message.objects.exists()
    assert model.history == []


def test_answers_that_hold_a_thread_leave_threads_for_the_rest(owner, handbook, model, settings):
    settings.ANSWER_PLACES = 10
    with turns._blocking_gate.entered():
        client = client_of(owner)
        assert_refused(client.post("/api/chat", {"query": QUESTION}))
        assert not Message.objects.exists()
        assert client.post("/api/retrieval", {"query": QUESTION}).status_code == 200


def test_the_page_says_so_in_a_sentence_and_stores_nothing(owner, page_as):
    with answer_gate.entered():
        response = page_as(owner).post(
            reverse("rag:ask"), {"query": QUESTION}, headers={"HX-Request": "true"}
        )
    assert response.status_code == 503
    assert "Retry-After" in response.headers
    assert "data-error-message>Too many people are asking" in response.content.decode()
    assert not Message.objects.exists()


def test_a_stored_question_that_finds_no_place_can_be_asked_again(owner, handbook, model, page_as):
    answer = start_turn(user=owner, query=QUESTION)
    with answer_gate.entered():
        settled = run_turn(user=owner, message_id=answer.pk)
    assert settled.status == "failed"
    assert settled.error_message.startswith("Too many people are asking")
    shown = page_as(owner).get(reverse("rag:answer", args=[answer.pk])).content.decode()
    assert "Too many people are asking" in shown
    assert reverse("rag:again", args=[answer.pk]) in shown
    assert not UsageRecord.objects.of_language_models().exists()
    model.enqueue(QUESTION)  # the rewording
    model.enqueue(ANSWER)
    again = start_turn(user=owner, query=QUESTION, conversation_id=answer.conversation_id)
    assert run_turn(user=owner, message_id=again.pk).content == ANSWER


def test_a_search_refused_within_a_turn_is_told_by_its_own_code(owner, handbook, model):
    with retrieval._gate.entered():
        assert_refused(client_of(owner).post("/api/chat", {"query": QUESTION}))
    [answer] = Message.objects.answers()
    assert (answer.status, model.history) == ("failed", [])


@pytest.mark.django_db(transaction=True)
def test_a_stream_tells_scripts_when_to_come_back(owner, model):
    published(owner, LEAVE, filename="leave.md")
    model.enqueue(error=ModelUnavailable("It rests.", retry_after_s=30))
    response = client_of(owner).post("/api/chat", {"query": QUESTION, "stream": True})

    async def read() -> bytes:
        return b"".join([part async for part in response.streaming_content])

    name, data = parsed(async_to_sync(read)())[-1]
    assert name == "error"
    assert data["error"]["code"] == "model_unavailable"
    assert data["error"]["details"]["retry_after_s"] == 30


def test_a_model_that_rests_is_a_503_with_retry_after_and_the_sources(owner, handbook, model):
    model.enqueue(error=ModelUnavailable("It rests.", retry_after_s=30))
    response = client_of(owner).post("/api/chat", {"query": QUESTION})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    [source] = response.json()["error"]["details"]["sources"]
    assert source["content"] == LEAVE


def test_places_are_given_back_however_an_answer_ends(owner, handbook, model):
    model.enqueue(error=ModelUnavailable("down"))
    model.enqueue(ANSWER)
    for expected in ("failed", "completed"):
        answer = start_turn(user=owner, query=QUESTION)
        assert run_turn(user=owner, message_id=answer.pk).status == expected
    assert (answer_gate.inside, retrieval._gate.inside) == (0, 0)


# --- the embedder ---
class OneAtATime(Embedder):
    """Encodes when it is let, one call at a time."""

    name, dimension, max_tokens = "one", 2, 10

    def __init__(self, *, queue: int, wait_s: float = 30) -> None:
        self.gate = Gate("embedder", lambda: Limits(1, queue, wait_s))
        self.may_go = threading.Event()

    def _embed_query(self, text):
        self.may_go.wait(LIMIT_S)
        return np.array([1.0, 0.0], dtype=np.float32)

    def _embed_passages(self, texts):
        self.may_go.wait(LIMIT_S)
        return np.ones((len(texts), 2), dtype=np.float32)

    def _count_tokens(self, texts):
        return [1 for _ in texts]


def wait_for(condition) -> None:
    tick = threading.Event()
    for _ in range(1000):
        if condition():
            return
        tick.wait(LIMIT_S / 1000)
    raise AssertionError("it did not come to pass")


@pytest.mark.parametrize(("queue", "wait_s"), [(0, 30), (5, 0.01)])
def test_a_question_waits_for_the_embedder_neither_long_nor_in_a_long_queue(queue, wait_s):
    embedder = OneAtATime(queue=queue, wait_s=wait_s)
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(embedder.embed_query, "first")
        wait_for(lambda: embedder.gate.inside == 1)
        with pytest.raises(Overloaded):
            embedder.embed_query("second")
        with pytest.raises(Overloaded):
            embedder.embed_passages(["of an answer"], for_question=True)
        embedder.may_go.set()
        assert running.result().shape == (2,)


def test_ingestion_waits_for_the_embedder_as_long_as_it_takes():
    embedder = OneAtATime(queue=0, wait_s=0.01)
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(embedder.embed_query, "first")
        wait_for(lambda: embedder.gate.inside == 1)
        waiting = threads.submit(embedder.embed_passages, ["a document"])
        wait_for(lambda: embedder.gate.waiting == 1)
        with pytest.raises(Overloaded):  # those who wait so count as a queue all the same
            embedder.embed_query("second")
        embedder.may_go.set()
        assert running.result().shape == (2,)
        assert waiting.result().shape == (1, 2)


# --- the database while an answer is settled ---
def locked_error() -> OperationalError:
    import sqlite3

    cause = sqlite3.OperationalError("database is locked")
    cause.sqlite_errorcode = sqlite3.SQLITE_BUSY
    error = OperationalError("database is locked")
    error.__cause__ = cause
    return error


@pytest.fixture
def settling(monkeypatch) -> list[BaseException]:
    """Errors that settling a turn raises, one a try, before it works; tries follow at once."""
    errors: list[BaseException] = []
    real = turns.settle_turn

    def settle(**given) -> None:
        if errors:
            raise errors.pop(0)
        real(**given)

    monkeypatch.setattr(turns, "settle_turn", settle)
    monkeypatch.setattr(turns, "_SAVE_PAUSES_S", (0.0, 0.0))
    return errors


def test_an_answer_is_saved_and_metered_once_the_database_is_free(owner, handbook, model, settling):
    settling += [locked_error(), locked_error()]
    model.enqueue(ANSWER)
    answer = start_turn(user=owner, query=QUESTION)
    settled = run_turn(user=owner, message_id=answer.pk)
    assert (settled.status, settled.content) == ("completed", ANSWER)
    assert UsageRecord.objects.of_language_models().count() == 1


def test_tries_to_save_are_bounded(owner, handbook, model, settling):
    settling += [locked_error() for _ in range(10)]
    model.enqueue(ANSWER)
    answer = start_turn(user=owner, query=QUESTION)
    with pytest.raises(OperationalError):
        run_turn(user=owner, message_id=answer.pk)
    assert len(settling) == 10 - 3
