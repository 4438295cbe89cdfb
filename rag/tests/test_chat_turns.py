import asyncio
import datetime
import logging
import threading
import uuid
from contextlib import aclosing

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone

from documents.models import Document
from documents.services import delete_documents
from knowledge.lib.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    TooManyRequests,
    Unprocessable,
)
from rag.greetings import HELPFUL_LINE
from rag.llm.base import DONT_KNOW, ModelUnavailable, TokenUsage
from rag.models import Conversation, Message, UsageRecord
from rag.services import turns
from rag.services.conversations import delete_conversation
from rag.services.sources import WITHHELD, answer_text
from rag.services.turn_opening import open_turn
from rag.services.turns import (
    SourcesFound,
    TokenArrived,
    TurnDone,
    TurnFailed,
    message_sources,
    run_turn,
    start_turn,
    stream_turn,
)
from rag.tests.library import published

QUESTION = "How many days of paid leave does every employee have?"
LEAVE = "Every employee has 30 days of paid leave a year."
ANSWER = "Every employee has 30 days of paid leave [1]."


@pytest.fixture
def handbook(owner) -> Document:
    return published(owner, LEAVE, filename="leave.md")


def ask(user, query: str = QUESTION, conversation: Conversation | None = None) -> Message:
    started = start_turn(user=user, query=query, conversation_id=conversation and conversation.pk)
    return run_turn(user=user, message_id=started.pk)


def ledger() -> list[tuple]:
    rows = UsageRecord.objects.of_language_models().order_by("pk")
    return list(
        rows.values_list("feature", "model", "outcome", "prompt_tokens", "completion_tokens")
    )


@pytest.mark.django_db(transaction=True)
def test_an_answer_keeps_how_sure_its_model_was(handbook, owner, settings):
    assert 0 < ask(owner).confidence <= 1
    assert ask(owner, "Who painted the Mona Lisa in Florence?").confidence < ask(owner).confidence
    settings.LLM_PROVIDER = "fake"
    assert ask(owner).confidence is None


# --- starting ---
def test_a_question_begins_a_conversation_named_after_it(owner):
    answer = start_turn(user=owner, query=f"  {QUESTION} ")
    assert answer.status == Message.Status.PENDING
    assert answer.question.content == QUESTION
    assert answer.conversation.title == QUESTION
    assert list(answer.conversation.messages.all()) == [answer.question, answer]


def test_a_question_can_go_on_with_a_conversation_of_ones_own(owner, colleague):
    first = start_turn(user=owner, query=QUESTION)
    second = start_turn(user=owner, query="And trainees?", conversation_id=first.conversation_id)
    assert second.conversation_id == first.conversation_id
    for user, known in ((colleague, first.conversation_id), (owner, uuid.uuid4())):
        with pytest.raises(NotFound):
            start_turn(user=user, query=QUESTION, conversation_id=known)
    assert Message.objects.count() == 4


def test_a_question_must_be_neither_empty_nor_too_long(owner, settings):
    for empty in ("", "  \n"):
        with pytest.raises(InvalidInput):
            start_turn(user=owner, query=empty)
    with pytest.raises(Unprocessable):
        start_turn(user=owner, query="x" * (settings.MAX_QUERY_CHARACTERS + 1))
    start_turn(user=owner, query="x" * settings.MAX_QUERY_CHARACTERS)
    assert Conversation.objects.count() == 1


def test_somebody_without_an_organization_can_not_ask(owner):
    owner.organization = None
    with pytest.raises(NotAllowed):
        start_turn(user=owner, query=QUESTION)


# --- answering ---
def test_an_answer_is_kept_with_its_source_and_what_it_cost(owner, handbook, model):
    model.enqueue(ANSWER, usage=TokenUsage(120, 9))
    answer = ask(owner)
    assert (answer.status, answer.content, answer.grounded) == ("completed", ANSWER, True)
    assert (answer.model, answer.prompt_version) == ("fake", "answer/v1")
    assert (answer.prompt_tokens, answer.completion_tokens) == (120, 9)
    [source] = message_sources(message=answer, user=owner)
    assert (source.n, source.filename, source.content, source.cited) == (1, "leave.md", LEAVE, True)
    assert source.url == (f"/documents/{handbook.pk}/pages/1?start=0&end={len(LEAVE)}#passage")
    assert ledger() == [("chat", "fake", "completed", 120, 9)]


def test_the_offline_answerer_answers_from_what_the_person_may_read(owner, colleague, handbook):
    assert ask(owner).content == f"{LEAVE} [1]"
    assert ask(colleague).content == DONT_KNOW
    assert ledger() == [("chat", "extractive", "completed", 0, 0)]  # nothing found, nothing asked


def test_a_greeting_is_answered_without_search_or_model(owner, handbook, model, monkeypatch):
    monkeypatch.setattr(turns, "retrieve", None)
    answer = ask(owner, "Hello!")
    assert (answer.status, answer.content) == ("completed", HELPFUL_LINE)
    assert (model.history, ledger()) == ([], [])


def test_a_follow_up_is_searched_with_its_topic_offline(owner, handbook):
    first = ask(owner)
    second = ask(owner, "And for trainees?", first.conversation)
    assert second.search_query == "And for trainees? (days paid leave employee)"


def test_a_follow_up_is_reworded_by_a_generating_model_and_metered(owner, handbook, model):
    model.enqueue(ANSWER)
    first = ask(owner)
    model.enqueue("How many days of paid leave do trainees have?", usage=TokenUsage(50, 8))
    model.enqueue(ANSWER, usage=TokenUsage(100, 10))
    second = ask(owner, "And for trainees?", first.conversation)
    assert second.search_query == "How many days of paid leave do trainees have?"
    assert (second.prompt_tokens, second.completion_tokens) == (150, 18)
    assert [row[:3] for row in ledger()[1:]] == [
        ("condense", "fake", "completed"),
        ("chat", "fake", "completed"),
    ]
    assert ANSWER in model.history[1].messages[1].content


def test_a_rewording_that_fails_falls_back_to_the_rule(owner, handbook, model):
    model.enqueue(ANSWER)
    first = ask(owner)
    model.enqueue(error=ModelUnavailable("down"))
    model.enqueue(ANSWER)
    second = ask(owner, "And for trainees?", first.conversation)
    assert second.search_query == "And for trainees? (days paid leave employee)"
    assert second.status == "completed"
    assert [row[:3] for row in ledger()[1:]] == [
        ("condense", "fake", "failed"),
        ("chat", "fake", "completed"),
    ]


# --- failing ---
def test_a_failing_model_leaves_a_clear_sentence_and_the_sources(owner, handbook, model):
    model.enqueue("Every employee", error=ModelUnavailable("The model is down."))
    answer = ask(owner)
    assert (answer.status, answer.error_message) == ("failed", "The model is down.")
    assert answer.content == "Every employee"
    assert [s.content for s in message_sources(message=answer, user=owner)] == [LEAVE]
    assert ledger()[0][:3] == ("chat", "fake", "failed")


def test_an_unforeseen_error_is_shown_as_a_sentence_without_its_text(owner, monkeypatch, caplog):
    def broken(**_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(turns, "retrieve", broken)
    answer = ask(owner)
    assert answer.status == "failed"
    assert "secret" not in answer.error_message
    assert "Try again" in answer.error_message


# --- permission at the time of reading ---
def test_a_deleted_document_takes_answers_made_from_it_along(owner, admin, handbook, model):
    model.enqueue(ANSWER)
    answer = ask(owner)
    delete_documents(documents=Document.objects.filter(pk=handbook.pk), actor=admin)
    sources = message_sources(message=answer, user=owner)
    [source] = sources
    assert (source.available, source.filename, source.content, source.url) == (False, "", "", "")
    assert (source.document_id, source.chunk_id) == (None, None)
    assert answer_text(message=answer, sources=sources) == WITHHELD


def test_a_permission_taken_away_hides_answers_made_with_it(owner, colleague, model):
    shared = published(owner, LEAVE, visibility="organization")
    model.enqueue(ANSWER)
    answer = ask(colleague)
    Document.objects.filter(pk=shared.pk).update(visibility="private")
    sources = message_sources(message=answer, user=colleague)
    assert [source.available for source in sources] == [False]
    assert answer_text(message=answer, sources=sources) == WITHHELD
    Document.objects.filter(pk=shared.pk).update(visibility="organization")
    sources = message_sources(message=answer, user=colleague)
    assert answer_text(message=answer, sources=sources) == ANSWER


def test_an_answer_stays_when_only_an_unused_passage_goes(owner, admin, handbook):
    other = published(owner, "Paid parking is not offered to every employee.")
    answer = ask(owner)
    assert {s.content for s in message_sources(message=answer, user=owner) if s.cited} == {LEAVE}
    delete_documents(documents=Document.objects.filter(pk=other.pk), actor=admin)
    sources = message_sources(message=answer, user=owner)
    assert answer_text(message=answer, sources=sources) == answer.content


def test_an_answer_nobody_may_read_any_more_is_not_told_to_the_model(owner, admin, handbook, model):
    model.enqueue(ANSWER)
    first = ask(owner)
    delete_documents(documents=Document.objects.filter(pk=handbook.pk), actor=admin)
    model.enqueue("How many days of leave do trainees have?")
    ask(owner, "And for trainees?", first.conversation)
    prompt = model.history[1].messages[1].content
    assert QUESTION in prompt
    assert "30 days" not in prompt


# --- one answer, one writer ---
async def events_of(user, message, **options) -> list:
    return [e async for e in stream_turn(user=user, message_id=message.pk, **options)]


@pytest.mark.django_db(transaction=True)
async def test_events_come_in_their_order(owner, handbook_async, model):
    model.enqueue("Every employee has 30 days", " of paid leave [1", "].")
    message = await started(owner)
    events = await events_of(owner, message)
    assert [type(event) for event in events] == [
        SourcesFound,
        *[TokenArrived] * 3,
        TurnDone,
    ]
    assert "".join(e.text for e in events if isinstance(e, TokenArrived)) == ANSWER
    assert [source.content for source in events[0].sources] == [LEAVE]


@pytest.mark.django_db(transaction=True)
async def test_two_streams_of_one_message_ask_the_model_once(owner, handbook_async, model):
    model.enqueue("Every", hangs=True)
    message = await started(owner)
    async with aclosing(stream_turn(user=owner, message_id=message.pk)) as first:
        await anext(first)
        with pytest.raises(Conflict):
            await events_of(owner, message)
    assert len(model.history) <= 1


@pytest.mark.django_db(transaction=True)
async def test_a_settled_message_is_not_answered_again(owner, handbook_async, model):
    model.enqueue(ANSWER)
    message = await started(owner)
    await events_of(owner, message)
    assert await events_of(owner, message) == [TurnDone(message.pk)]
    assert len(model.history) == 1


@pytest.mark.django_db(transaction=True)
async def test_nobody_else_can_have_it_answered(owner, colleague, admin, outsider, model):
    message = await started(owner)
    for other in (colleague, admin, outsider):
        with pytest.raises(NotFound):
            await events_of(other, message)


@pytest.mark.django_db(transaction=True)
async def test_a_failure_is_the_last_event(owner, handbook_async, model):
    model.enqueue("Every", error=ModelUnavailable("The model is down."))
    events = await events_of(owner, await started(owner))
    assert events[-1] == TurnFailed("model_unavailable", "The model is down.")


# --- stopping ---
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_what_was_produced_is_kept_when_the_client_goes_away(
    owner, handbook_async, model, how
):
    model.enqueue("Every employee has 30 days", " of paid", hangs=True)
    message = await started(owner)
    if how == "close":
        async with aclosing(stream_turn(user=owner, message_id=message.pk)) as stream:
            for _ in range(3):
                await anext(stream)
    else:
        reading = asyncio.create_task(events_of(owner, message))
        await model.is_waiting.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    await message.arefresh_from_db()
    assert message.status == "stopped"
    assert message.content.startswith("Every employee has 30 days")
    assert model.closed == 1
    [row] = [row async for row in UsageRecord.objects.of_language_models()]
    assert (row.outcome, row.prompt_tokens > 0, row.completion_tokens > 0) == (
        "stopped",
        True,
        True,
    )


class Gate:
    """Holds a function in its thread until it is let through."""

    def __init__(self, function) -> None:
        self.function = function
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, **arguments):
        self.reached.set()
        assert self.opened.wait(5)
        return self.function(**arguments)


@pytest.mark.django_db(transaction=True)
async def test_a_second_cancellation_does_not_interrupt_the_saving(
    owner, handbook_async, model, monkeypatch
):
    gate = Gate(turns.settle_turn)
    monkeypatch.setattr(turns, "settle_turn", gate)
    model.enqueue("Every employee", hangs=True)
    message = await started(owner)
    reading = asyncio.create_task(events_of(owner, message))
    await model.is_waiting.wait()
    reading.cancel()
    assert await asyncio.to_thread(gate.reached.wait, 5)
    [saving] = turns._saving
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    gate.opened.set()
    await saving
    await message.arefresh_from_db()
    assert (message.status, message.content) == ("stopped", "Every employee")


@pytest.mark.django_db(transaction=True)
async def test_an_answer_cancelled_while_it_is_claimed_is_not_left_open(
    owner, handbook_async, model, monkeypatch
):
    gate = Gate(turns.open_turn)
    monkeypatch.setattr(turns, "open_turn", gate)
    message = await started(owner)
    reading = asyncio.create_task(events_of(owner, message))
    assert await asyncio.to_thread(gate.reached.wait, 5)
    reading.cancel()
    gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await message.arefresh_from_db()
    assert message.status == "stopped"
    assert model.history == []


@pytest.mark.django_db(transaction=True)
async def test_no_transaction_is_open_while_the_model_works(owner, handbook_async, model):
    model.enqueue("Every", hangs=True)
    message = await started(owner)
    reading = asyncio.create_task(events_of(owner, message))
    await model.is_waiting.wait()
    assert not connection.in_atomic_block
    await Conversation.objects.acreate(user=owner)  # another writer gets through
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.django_db(transaction=True)
async def test_a_conversation_deleted_meanwhile_is_metered_all_the_same(
    owner, handbook_async, model
):
    model.enqueue(ANSWER)
    message = await started(owner)
    async with aclosing(stream_turn(user=owner, message_id=message.pk)) as stream:
        await anext(stream)
        conversation = await Conversation.objects.aget()
        await sync_to_async(delete_conversation)(conversation=conversation, actor=owner)
        async for _ in stream:
            pass
    assert await Message.objects.acount() == 0
    [row] = [row async for row in UsageRecord.objects.of_language_models()]
    assert (row.outcome, row.message_id) == ("completed", None)


def test_an_answer_whose_process_died_counts_as_stopped_after_a_while(owner, settings):
    message = start_turn(user=owner, query=QUESTION)
    assert Message.objects.answers().claim(message.pk, timezone.now())
    message.refresh_from_db()
    assert (message.is_open, message.current_status) == (True, "streaming")
    message.claimed_at -= settings.TURN_ABANDONED_AFTER + datetime.timedelta(seconds=1)
    message.save()
    assert (message.is_open, message.current_status) == (False, "stopped")
    assert run_turn(user=owner, message_id=message.pk).content == ""


def test_only_a_waiting_answer_can_be_claimed(owner):
    message = start_turn(user=owner, query=QUESTION)
    claims = [Message.objects.answers().claim(message.pk, timezone.now()) for _ in range(2)]
    assert claims == [True, False]


def test_the_log_line_holds_ids_and_sizes_and_no_text(owner, handbook, model, caplog):
    model.enqueue(ANSWER)
    with caplog.at_level(logging.INFO, logger="knowledge"):
        answer = ask(owner)
    [line] = [record for record in caplog.records if record.getMessage() == "chat"]
    assert line.message_id == str(answer.pk)
    assert (line.question_length, line.answer_length) == (len(QUESTION), len(ANSWER))
    for record in caplog.records:
        assert QUESTION not in str(vars(record))
        assert "30 days" not in str(vars(record))


# --- helpers for streams, which run in other threads than the test ---
@pytest.fixture
def handbook_async(transactional_db, owner) -> Document:
    return published(owner, LEAVE, filename="leave.md")


async def started(user) -> Message:
    return await sync_to_async(start_turn)(user=user, query=QUESTION)


def test_one_person_has_only_so_many_answers_in_the_making(owner, colleague, model, settings):
    settings.MAX_ANSWERS_AT_ONCE = 2
    open_turns = [start_turn(user=owner, query="leave?") for _ in range(3)]
    for message in open_turns[:2]:
        open_turn(user=owner, message_id=message.pk)
    with pytest.raises(TooManyRequests, match="2 answers are being written"):
        open_turn(user=owner, message_id=open_turns[2].pk)
    theirs = start_turn(user=colleague, query="leave?")
    assert open_turn(user=colleague, message_id=theirs.pk) is not None
    Message.objects.filter(pk=open_turns[0].pk).update(status="completed")
    assert open_turn(user=owner, message_id=open_turns[2].pk) is not None
