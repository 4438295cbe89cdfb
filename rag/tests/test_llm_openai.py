import asyncio
import socket
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from rag.llm import openai_compatible
from rag.llm.base import ChatDelta, ChatMessage, ChatRequest, ModelUnavailable, TokenUsage
from rag.llm.openai_compatible import OpenAICompatibleModel
from rag.llm.openai_errors import pause_before_retry
from rag.tests.model_server import END, ModelServer, Script, answering, failing, text_event

REQUEST = ChatRequest((ChatMessage("system", "s"), ChatMessage("user", "u")), "q", (), 50)


@pytest.fixture
def server(settings, monkeypatch) -> Iterator[ModelServer]:
    # Without pauses between tries: how long they are is tested by itself.
    monkeypatch.setattr(openai_compatible, "pause_before_retry", lambda attempt, error: 0)
    with ModelServer() as running:
        settings.LLM_BASE_URL, settings.LLM_MODEL = running.url, "local"
        settings.OPENAI_API_KEY = "sk-test"
        settings.LLM_MAX_RETRIES = 2
        yield running


async def deltas_of(
    model: OpenAICompatibleModel, request: ChatRequest = REQUEST
) -> list[ChatDelta]:
    return [delta async for delta in model.stream(request)]


def answer() -> list[ChatDelta]:
    return asyncio.run(deltas_of(OpenAICompatibleModel()))


def failure() -> str:
    with pytest.raises(ModelUnavailable) as caught:
        answer()
    return caught.value.message


def test_an_answer_arrives_in_pieces_with_its_usage(server):
    server.scripts = [answering("Thirty ", "days.")]
    assert answer() == [
        ChatDelta("Thirty "),
        ChatDelta("days."),
        ChatDelta(usage=TokenUsage(11, 5)),
    ]
    [request] = server.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
    ]
    assert (request["model"], request["max_tokens"]) == ("local", 50)
    assert request["stream_options"] == {"include_usage": True}
    assert server.keys == ["Bearer sk-test"]


@pytest.mark.parametrize("status", [429, 500, 503, 408])
def test_what_may_pass_is_tried_again(server, status):
    server.scripts = [failing(status), failing(status), answering("ok")]
    assert answer()[0].text == "ok"


def test_tries_are_bounded(server):
    server.scripts = [failing(500)] * 3
    assert failure() == "The language model's server has a fault. Try again later."
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (failing(401, "invalid_api_key"), "refuses our key"),
        (failing(403), "refuses our key"),
        (failing(404, "model_not_found"), "doesn't know the configured model"),
        (failing(400, "context_length_exceeded"), "too long for the language model"),
        (failing(400, type="exceed_context_size_error"), "too long for the language model"),
        (failing(422), "refused the request (status 422)"),
    ],
)
def test_what_can_not_pass_is_told_at_once(server, script, sentence):
    server.scripts = [script]
    message = failure()
    assert sentence in message
    assert "SECRET" not in message
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (failing(429, "rate_limit_exceeded"), "asked too often"),
        (failing(429, "insufficient_quota"), "no credit left"),
    ],
)
def test_a_limit_that_stays_is_told(server, settings, script, sentence):
    settings.LLM_MAX_RETRIES = 0
    server.scripts = [script]
    assert sentence in failure()


def test_a_missing_key_is_told_apart_from_a_wrong_one(server, settings):
    settings.OPENAI_API_KEY = ""
    server.scripts = [failing(401)]
    assert "has no API key" in failure()
    settings.LLM_BASE_URL = ""
    assert "has no API key" in failure()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "script",
    [
        Script([text_event("Thirty ")], cut=True),  # in the middle of the HTTP message
        Script([text_event("Thirty ")]),  # an end without a finish
        Script([text_event("Thirty "), "{not json"]),
        Script([text_event("Thirty "), '{"error": {"message": "SECRET", "code": 500}}']),
    ],
)
def test_a_stream_that_breaks_off_is_told_and_not_tried_again(server, script):
    server.scripts = [script, answering("again")]
    model = OpenAICompatibleModel()
    seen = []

    async def drain() -> None:
        async for delta in model.stream(REQUEST):
            seen.append(delta.text)

    with pytest.raises(ModelUnavailable, match="broke off"):
        asyncio.run(drain())
    assert seen == ["Thirty "]
    assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_told(server, settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.LLM_BASE_URL = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        assert "can't be reached" in failure()


@pytest.mark.parametrize("events", [[], [text_event("Thirty ")]])
def test_a_server_that_falls_silent_is_told(server, settings, events):
    settings.LLM_READ_TIMEOUT_S = 0.2
    settings.LLM_MAX_RETRIES = 0
    server.scripts = [Script(events, waits=True)]
    assert "took too long" in failure()


def test_closing_the_iterator_hangs_up(server):
    server.scripts = [Script([text_event("Thirty ")], waits=True)]

    async def stop_after_first() -> None:
        async with aclosing(OpenAICompatibleModel().stream(REQUEST)) as stream:
            async for _ in stream:
                break
        assert await asyncio.to_thread(server.hung_up.wait, 5)

    asyncio.run(stop_after_first())


def test_cancelling_hangs_up(server):
    server.scripts = [Script([text_event("Thirty ")], waits=True)]
    first = asyncio.Event()

    async def read() -> None:
        async for _ in OpenAICompatibleModel().stream(REQUEST):
            first.set()

    async def cancel() -> None:
        reading = asyncio.create_task(read())
        await first.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await asyncio.to_thread(server.hung_up.wait, 5)

    asyncio.run(cancel())


def test_one_model_serves_several_event_loops(server):
    server.scripts = [answering("a"), answering("b")]
    model = OpenAICompatibleModel()
    texts = [asyncio.run(deltas_of(model))[0].text for _ in range(2)]
    assert texts == ["a", "b"]


def test_a_model_that_refuses_a_parameter_is_asked_without_it(server):
    refusal = failing(400, "unsupported_parameter", param="max_tokens")
    value = failing(400, "unsupported_value", param="temperature")
    server.scripts = [refusal, value, answering("a"), answering("b")]
    model = OpenAICompatibleModel()
    for _ in range(2):
        asyncio.run(deltas_of(model))
    last = server.requests[-1]
    assert last["max_completion_tokens"] == 50
    assert "max_tokens" not in last
    assert "temperature" not in last
    assert len(server.requests) == 4  # it is remembered


def test_an_event_without_text_is_skipped(server):
    role = {"choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]}
    server.scripts = [Script([role, text_event("a"), END, "[DONE]"])]
    assert answer() == [ChatDelta("a")]


def test_pauses_grow_are_random_and_bounded():
    import openai

    error = openai.APIConnectionError(request=None)
    longest = [max(pause_before_retry(n, error) for _ in range(200)) for n in (0, 2, 20)]
    assert longest[0] <= 0.5 < longest[1] <= 2 < longest[2] <= 8
