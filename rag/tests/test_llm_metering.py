import asyncio
from contextlib import aclosing, suppress

from rag.llm.base import ChatMessage, ChatRequest, ModelUnavailable, TokenUsage
from rag.llm.extractive import ExtractiveModel
from rag.llm.fake import FakeChatModel
from rag.llm.metering import MeteredCall

REQUEST = ChatRequest((ChatMessage("user", "x" * 40),), "q", (), 10)


def metered(model, *, stop_after: int | None = None) -> MeteredCall:
    call = MeteredCall(model, REQUEST, feature="chat")

    async def drain() -> None:
        async with aclosing(call.stream()) as stream:
            count = 0
            async for _ in stream:
                count += 1
                if count == stop_after:
                    return

    with suppress(ModelUnavailable):
        asyncio.run(drain())
    return call


def fake(*pieces: str, **options) -> FakeChatModel:
    model = FakeChatModel()
    model.enqueue(*pieces, **options)
    return model


def test_a_complete_call_counts_what_the_server_reported():
    call = metered(fake("a", "b", usage=TokenUsage(7, 3)))
    assert (call.outcome, call.text, call.usage) == ("completed", "ab", TokenUsage(7, 3))


def test_a_stopped_call_is_estimated():
    model = fake("abcd", "efgh", usage=TokenUsage(7, 3))
    call = metered(model, stop_after=1)
    assert (call.outcome, call.text, call.usage) == ("stopped", "abcd", TokenUsage(10, 1))
    assert model.closed == 1


def test_a_call_that_failed_on_its_way_is_estimated():
    call = metered(fake("abcd", error=ModelUnavailable("x")))
    assert (call.outcome, call.usage) == ("failed", TokenUsage(10, 1))


def test_a_call_that_never_began_costs_nothing():
    call = metered(fake(error=ModelUnavailable("x")))
    assert (call.outcome, call.usage) == ("failed", TokenUsage())


def test_the_offline_answerer_costs_nothing():
    usage = metered(ExtractiveModel(), stop_after=1).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (0, 0)


def test_no_call_uses_more_than_what_is_held_for_it():
    call = MeteredCall(fake(), REQUEST, feature="chat")
    assert call.most.prompt_tokens >= 40
    assert call.most.completion_tokens == 10


def test_a_call_that_takes_too_long_fails(settings):
    settings.TURN_TIMEOUT_S = -1
    assert metered(fake("a", "b")).outcome == "failed"
