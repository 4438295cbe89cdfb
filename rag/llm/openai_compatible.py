"""Any model server that speaks OpenAI's chat completions protocol, through the official client."""

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator
from contextlib import aclosing
from logging import getLogger
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings

from knowledge.lib.circuit_breaker import (
    Call,
    CircuitBreaker,
    CircuitLimits,
    CircuitOpen,
    get_breaker,
)
from rag.llm.base import ChatDelta, ChatModel, ChatRequest, ModelUnavailable, TokenUsage
from rag.llm.openai_errors import (
    BROKEN,
    NO_KEY,
    RETRY_AFTER_S,
    TOO_SLOW,
    explain,
    is_servers_fault,
    may_pass,
    pause_before_retry,
)

if TYPE_CHECKING:
    import openai

logger = getLogger("knowledge.llm")

_REFUSALS = ("unsupported_parameter", "unsupported_value")
_RESTING = (
    "The language model has not been answering. It is asked again in a moment; try again then."
)


class OpenAICompatibleModel(ChatModel):
    """Streams chat completions; what fails before the first token is tried again.

    After failures in a row it leaves the server alone for a while: a question is then told so at
    once, with the passages that were found, instead of after all time-outs and tries.

    Args:
        model: one of the server's models; by default LLM_MODEL.
    """

    def __init__(self, model: str = "") -> None:
        self.name = model or settings.LLM_MODEL
        # One client an event loop: its connections belong to the loop that opened them.
        self._clients: weakref.WeakKeyDictionary[Any, openai.AsyncOpenAI] = (
            weakref.WeakKeyDictionary()
        )
        self._lock = threading.Lock()
        self._refused: set[str] = set()

    def warm_up(self) -> None:
        """Import the client: some seconds on a busy machine, in which no other stream goes on."""
        import openai.resources.chat  # noqa: F401

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        client = self._client()
        try:
            with _breaker(self.name).call() as call:
                async with aclosing(self._answer(client, request, call)) as deltas:
                    async for delta in deltas:
                        yield delta
        except CircuitOpen as refusal:
            raise ModelUnavailable(_RESTING, retry_after_s=refusal.retry_after_s) from refusal

    async def _answer(
        self, client: "openai.AsyncOpenAI", request: ChatRequest, call: Call
    ) -> AsyncGenerator[ChatDelta, None]:
        """Yield the answer, and tell the circuit breaker what the server does."""
        import openai

        deadline = asyncio.get_running_loop().time() + (
            request.timeout_s or settings.TURN_TIMEOUT_S
        )
        has_begun = is_finished = False
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._open(client, request, call)
            # Leaving the block closes the HTTP response, at which the server stops generating.
            async with response:
                # One step at a time: a timeout around a yield would strike whoever reads.
                while (chunk := await _next(response, deadline)) is not None:
                    is_finished = is_finished or any(c.finish_reason for c in chunk.choices)
                    delta = _delta(chunk)
                    if delta is not None:
                        if not has_begun:
                            call.began()
                        has_begun = True
                        yield delta
        except TimeoutError as error:
            # A shorter time than the usual one is the caller's own wish.
            if not has_begun and request.timeout_s is None:
                call.failed()
            raise ModelUnavailable(TOO_SLOW, retry_after_s=RETRY_AFTER_S) from error
        except openai.OpenAIError as error:
            if is_servers_fault(error):
                call.failed()
            raise explain(error, has_begun=has_begun) from error
        except ValueError as error:  # an event that is not JSON
            call.failed()
            raise ModelUnavailable(BROKEN, retry_after_s=RETRY_AFTER_S) from error
        if not is_finished:
            call.failed()
            raise ModelUnavailable(BROKEN, retry_after_s=RETRY_AFTER_S)
        call.succeeded()

    async def _open(
        self, client: "openai.AsyncOpenAI", request: ChatRequest, call: Call
    ) -> "openai.AsyncStream[Any]":
        """Start the completion; try again after what may pass, with growing, random pauses.

        The client's own retries are off: they would multiply with these, and not be logged.
        """
        import openai

        messages: Any = [{"role": m.role, "content": m.content} for m in request.messages]
        attempt = 0
        while True:
            try:
                response: openai.AsyncStream[Any] = await client.chat.completions.create(
                    model=self.name,
                    messages=messages,
                    stream=True,
                    stream_options={"include_usage": True},
                    **self._limits(request),
                )
                return response
            except openai.APIError as error:
                if self._learns_from(error):
                    continue
                pause = pause_before_retry(attempt, error)
                is_last = attempt == settings.LLM_MAX_RETRIES or not call.may_be_repeated
                if is_last or pause is None or not may_pass(error):
                    raise
                attempt += 1
                fields = {"attempt": attempt, "pause_ms": round(pause * 1000)}
                logger.warning("model_retry", extra=fields | {"error": type(error).__name__})
                await asyncio.sleep(pause)

    def _limits(self, request: ChatRequest) -> dict[str, Any]:
        options: dict[str, Any] = {
            "max_completion_tokens"
            if "max_tokens" in self._refused
            else "max_tokens": request.max_tokens
        }
        if "temperature" not in self._refused:
            options["temperature"] = settings.LLM_TEMPERATURE
        return options

    def _learns_from(self, error: "openai.APIError") -> bool:
        """Note a parameter that the model refuses (reasoning models do); True when that is new."""
        refused = error.param if error.code in _REFUSALS else None
        if refused not in ("max_tokens", "temperature") or refused in self._refused:
            return False
        self._refused.add(refused)
        return True

    def _client(self) -> "openai.AsyncOpenAI":
        import openai

        if not settings.OPENAI_API_KEY and not settings.LLM_BASE_URL:
            raise ModelUnavailable(NO_KEY)
        loop = asyncio.get_running_loop()
        with self._lock:
            if loop not in self._clients:
                self._clients[loop] = openai.AsyncOpenAI(
                    # A server of one's own often wants no key, but the client insists on one.
                    api_key=settings.OPENAI_API_KEY or "none",
                    base_url=settings.LLM_BASE_URL or None,
                    timeout=openai.Timeout(
                        settings.LLM_READ_TIMEOUT_S, connect=settings.LLM_CONNECT_TIMEOUT_S
                    ),
                    max_retries=0,
                )
            return self._clients[loop]


def _breaker(model: str) -> CircuitBreaker:
    """Return the breaker of one model at the configured server."""
    # SECURITY: the name is logged, and the address may carry a password before the host.
    host = urlsplit(settings.LLM_BASE_URL).netloc.rpartition("@")[2] or "api.openai.com"
    limits = CircuitLimits(
        failures=settings.LLM_CIRCUIT_FAILURES,
        window_s=settings.LLM_CIRCUIT_WINDOW_S,
        pause_s=settings.LLM_CIRCUIT_PAUSE_S,
    )
    return get_breaker(f"{model} at {host}", limits)


async def _next(response: "openai.AsyncStream[Any]", deadline: float) -> Any:
    """Return the next event, or None at the end."""
    async with asyncio.timeout_at(deadline):
        return await anext(response, None)


def _delta(chunk: Any) -> ChatDelta | None:
    """Return what one event of the stream carries; None for keep-alives and role markers."""
    text = ""
    if chunk.choices and chunk.choices[0].delta:
        text = chunk.choices[0].delta.content or ""
    usage = None
    if chunk.usage is not None:
        usage = TokenUsage(chunk.usage.prompt_tokens or 0, chunk.usage.completion_tokens or 0)
    return ChatDelta(text, usage) if text or usage else None
