"""A model server that is away, slow or overloaded: bounded tries, then it is left alone a while."""

import asyncio
import datetime
from collections.abc import Iterator
from contextlib import aclosing
from email.utils import format_datetime

import openai
import pytest

from knowledge.lib import circuit_breaker, health
from rag.llm import openai_compatible
from rag.llm.base import ChatMessage, ChatRequest, ModelUnavailable
from rag.llm.openai_compatible import OpenAICompatibleModel
from rag.llm.openai_errors import pause_before_retry
from rag.tests.model_server import ModelServer, Script, answering, failing, text_event

REQUEST = ChatRequest((ChatMessage("user", "u"),), "q", (), 50)


@pytest.fixture
def server(settings, monkeypatch) -> Iterator[ModelServer]:
    circuit_breaker.forget_all()
    monkeypatch.setattr(openai_compatible, "pause_before_retry", lambda attempt, error: 0)
    with ModelServer() as running:
        settings.LLM_BASE_URL, settings.LLM_MODEL = running.url, "local"
        settings.LLM_MAX_RETRIES = 0
        settings.LLM_CIRCUIT_FAILURES = 2
        yield running
    circuit_breaker.forget_all()


@pytest.fixture
def clock(server, monkeypatch):
    """Make the breaker now, with a clock that stands still until the test moves it."""

    class Clock:
        now = 0.0

        def __call__(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(openai_compatible._breaker("local"), "_clock", clock)
    return clock


async def text_of(model: OpenAICompatibleModel, request: ChatRequest = REQUEST) -> str:
    return "".join([delta.text async for delta in model.stream(request)])


def answer(request: ChatRequest = REQUEST) -> str:
    return asyncio.run(text_of(OpenAICompatibleModel(), request))


def failure(request: ChatRequest = REQUEST) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as caught:
        answer(request)
    return caught.value


def state() -> str:
    [(_, found)] = circuit_breaker.states().items()
    return found


def test_after_failures_in_a_row_the_server_is_asked_no_more_until_the_pause_is_over(
    server, settings, clock
):
    server.scripts = [failing(500), failing(503), answering("well again")]
    failure()
    failure()
    told = failure()
    assert len(server.requests) == 2  # the third question did not reach it
    assert (told.code, told.status, told.retry_after_s) == ("model_unavailable", 503, 30)
    assert "has not been answering" in told.message
    clock.now += settings.LLM_CIRCUIT_PAUSE_S
    assert answer() == "well again"
    assert state() == "closed"


def test_the_trial_is_one_request_however_many_tries_are_allowed(server, settings, clock):
    settings.LLM_MAX_RETRIES = 2
    server.scripts = [failing(500)] * 7
    failure()
    failure()
    assert len(server.requests) == 6
    clock.now += settings.LLM_CIRCUIT_PAUSE_S
    failure()
    assert len(server.requests) == 7
    assert state() == "open"


def test_tries_end_when_the_circuit_opens_meanwhile(server, settings, clock):
    settings.LLM_MAX_RETRIES = 5
    server.scripts = [failing(500)]
    others_fail = openai_compatible._breaker("local")

    def pause(attempt: int, error: object) -> int:
        for _ in range(settings.LLM_CIRCUIT_FAILURES):
            with others_fail.call() as call:
                call.failed()
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_compatible, "pause_before_retry", pause)
        failure()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "script",
    [
        failing(400, "context_length_exceeded"),
        failing(400),
        failing(401),
        failing(404, "model_not_found"),
        failing(413),
        failing(429, "insufficient_quota"),
    ],
)
def test_what_is_the_callers_fault_leaves_the_circuit_closed(server, settings, script):
    settings.LLM_MAX_RETRIES = 2
    server.scripts = [script] * 3 + [answering("ok")]
    for _ in range(3):
        assert failure().retry_after_s is None
    assert len(server.requests) == 3  # and is not tried again
    assert answer() == "ok"


@pytest.mark.parametrize(
    "script",
    [
        failing(429, "rate_limit_exceeded"),
        Script([text_event("Thirty ")], cut=True),
        Script([text_event("Thirty ")]),
        Script([text_event("Thirty "), "{not json"]),
        Script([], cut=True),
    ],
)
def test_what_is_the_servers_fault_opens_it(server, script):
    server.scripts = [script] * 2
    assert failure().retry_after_s == 30
    assert state() == "closed"
    failure()
    assert state() == "open"


def test_a_stop_by_the_reader_counts_as_nothing(server, settings):
    settings.LLM_CIRCUIT_FAILURES = 1
    server.scripts = [Script([text_event("Thirty ")], waits=True), Script([], waits=True)]

    async def stop_after_first() -> None:
        async with aclosing(OpenAICompatibleModel().stream(REQUEST)) as stream:
            async for _ in stream:
                break

    async def cancel_before_first() -> None:
        asking = asyncio.create_task(text_of(OpenAICompatibleModel()))
        while len(server.requests) < 2:
            await asyncio.sleep(0.001)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(stop_after_first())
    asyncio.run(cancel_before_first())
    assert state() == "closed"


def test_the_circuit_of_another_model_or_server_is_another_one(server, settings, clock):
    server.scripts = [failing(500), failing(500), answering("other")]
    failure()
    failure()
    settings.LLM_MODEL = "other"
    assert answer() == "other"
    host = server.url.split("/")[2]
    assert circuit_breaker.states() == {f"local at {host}": "open", f"other at {host}": "closed"}


def test_a_password_in_the_address_is_no_part_of_the_circuits_name(server, settings):
    settings.LLM_BASE_URL = server.url.replace("//", "//user:hunter2@")
    openai_compatible._breaker("local")
    [name] = circuit_breaker.states()
    assert "hunter2" not in name


def test_a_whole_call_is_bounded_though_the_server_keeps_the_line_alive(server, settings):
    settings.TURN_TIMEOUT_S = 0.2
    settings.LLM_CIRCUIT_FAILURES = 1
    role = {"choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]}
    server.scripts = [Script([role], waits=True)]
    assert "took too long" in failure().message
    assert server.hung_up.wait(5)
    assert state() == "open"


def test_a_caller_with_less_patience_does_not_blame_the_server(server, settings):
    settings.LLM_CIRCUIT_FAILURES = 1
    server.scripts = [Script([], waits=True)]
    hurried = ChatRequest(REQUEST.messages, "q", (), 50, timeout_s=0.2)
    assert "took too long" in failure(hurried).message
    assert state() == "closed"


def test_a_server_that_took_the_request_and_fell_silent_is_not_asked_twice(server, settings):
    settings.LLM_READ_TIMEOUT_S = 0.2
    settings.LLM_MAX_RETRIES = 2
    server.scripts = [Script(silent=True)]
    assert "took too long" in failure().message
    assert len(server.requests) == 1


def test_the_product_stays_ready_while_the_model_server_is_away(server, clock, db):
    server.scripts = [failing(500)] * 2
    failure()
    failure()
    assert state() == "open"
    assert "model" not in " ".join(health.names())
    assert health.failing() == []


def refusal(retry_after: str) -> openai.APIStatusError:
    import httpx2

    request = httpx2.Request("POST", "http://model.test")
    response = httpx2.Response(429, headers={"Retry-After": retry_after}, request=request)
    return openai.RateLimitError("", response=response, body=None)


def test_the_pause_that_the_server_asks_for_is_kept_within_bounds():
    assert pause_before_retry(0, refusal("3")) == 3
    assert pause_before_retry(0, refusal("8")) == 8
    assert pause_before_retry(0, refusal("60")) is None  # nobody waits that long: told at once
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=5)
    pause = pause_before_retry(0, refusal(format_datetime(soon, usegmt=True)))
    assert pause is not None
    assert 3 < pause <= 5
    for nonsense in ("", "soon", "-5", "nan"):
        pause = pause_before_retry(0, refusal(nonsense))
        assert pause is not None
        assert 0 <= pause <= 0.5


def test_a_server_that_asks_for_a_long_pause_is_not_tried_again_and_scripts_are_told(
    server, settings, monkeypatch
):
    monkeypatch.setattr(openai_compatible, "pause_before_retry", pause_before_retry)
    settings.LLM_MAX_RETRIES = 2
    server.scripts = [Script(status=429, headers={"Retry-After": "120"})]
    assert failure().retry_after_s == 120
    assert len(server.requests) == 1
