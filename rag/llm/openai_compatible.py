"""Any model server that speaks OpenAI's chat completions protocol, through the official client."""

import asyncio
import random
import threading
import weakref
from collections.abc import AsyncGenerator
from logging import getLogger
from typing import TYPE_CHECKING, Any

from django.conf import settings

from rag.llm.base import ChatDelta, ChatModel, ChatRequest, ModelUnavailable, TokenUsage

if TYPE_CHECKING:
    import openai

logger = getLogger("knowledge.llm")

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0
_NO_KEY = "The language model has no API key: an administrator has to set OPENAI_API_KEY."
_WRONG_KEY = (
    "The language model's server refuses our key: an administrator has to check OPENAI_API_KEY."
)
_TOO_LONG = "The question and its passages are too long for the language model."
_NO_CREDIT = "The language model's account has no credit left: an administrator has to renew it."
_BY_STATUS = {
    401: _WRONG_KEY,
    403: _WRONG_KEY,
    404: "The language model's server doesn't know the configured model (LLM_MODEL).",
    429: "The language model is asked too often just now. Try again in a minute.",
}
_REFUSALS = ("unsupported_parameter", "unsupported_value")
_BROKEN = "The language model's answer broke off. Try again."


class OpenAICompatibleModel(ChatModel):
    """Streams chat completions; what fails before the first token is tried again."""

    def __init__(self) -> None:
        self.name = settings.LLM_MODEL
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
        import openai

        has_begun = is_finished = False
        try:
            response = await self._open(self._client(), request)
            # Leaving the block closes the HTTP response, at which the server stops generating.
            async with response:
                async for chunk in response:
                    is_finished = is_finished or any(c.finish_reason for c in chunk.choices)
                    delta = _delta(chunk)
                    if delta is not None:
                        has_begun = True
                        yield delta
        except openai.OpenAIError as error:
            raise _explain(error, has_begun=has_begun) from error
        except ValueError as error:  # an event that is not JSON
            raise ModelUnavailable(_BROKEN) from error
        if not is_finished:
            raise ModelUnavailable(_BROKEN)

    async def _open(
        self, client: "openai.AsyncOpenAI", request: ChatRequest
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
                    model=settings.LLM_MODEL,
                    messages=messages,
                    stream=True,
                    stream_options={"include_usage": True},
                    **self._limits(request),
                )
                return response
            except openai.APIError as error:
                if self._learns_from(error):
                    continue
                if attempt == settings.LLM_MAX_RETRIES or not _may_pass(error):
                    raise
                pause = _pause(attempt, error)
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
            raise ModelUnavailable(_NO_KEY)
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


def _delta(chunk: Any) -> ChatDelta | None:
    """Return what one event of the stream carries; None for keep-alives and role markers."""
    text = ""
    if chunk.choices and chunk.choices[0].delta:
        text = chunk.choices[0].delta.content or ""
    usage = None
    if chunk.usage is not None:
        usage = TokenUsage(chunk.usage.prompt_tokens or 0, chunk.usage.completion_tokens or 0)
    return ChatDelta(text, usage) if text or usage else None


def _may_pass(error: "openai.APIError") -> bool:
    import openai

    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError)  # time-outs too


def _pause(attempt: int, error: "openai.APIError") -> float:
    """Return seconds: what the server asks for, else doubling with full jitter, both bounded."""
    import openai

    if isinstance(error, openai.APIStatusError):
        try:
            asked = float(error.response.headers.get("retry-after", ""))
        except ValueError:
            asked = 0.0
        if asked > 0:
            return min(asked, _LONGEST_PAUSE_S)
    return random.uniform(0, min(_FIRST_PAUSE_S * 2**attempt, _LONGEST_PAUSE_S))  # noqa: S311


def _explain(error: "openai.OpenAIError", *, has_begun: bool) -> ModelUnavailable:
    """Say in one sentence what the person, or an administrator, can do about it."""
    import openai

    if isinstance(error, openai.APITimeoutError):
        return ModelUnavailable("The language model took too long to answer. Try again.")
    if isinstance(error, openai.APIConnectionError) and not has_begun:
        return ModelUnavailable("The language model's server can't be reached. Try again later.")
    if isinstance(error, openai.APIStatusError):
        return ModelUnavailable(_explain_status(error))
    return ModelUnavailable(_BROKEN)


def _explain_status(error: "openai.APIStatusError") -> str:
    status, code = error.status_code, f"{error.code} {error.type}".lower()
    if "context" in code or status == 413:
        return _TOO_LONG
    if "quota" in code or "billing" in code:
        return _NO_CREDIT
    if status in (401, 403) and not settings.OPENAI_API_KEY:
        return _NO_KEY
    if status >= 500:
        return "The language model's server has a fault. Try again later."
    refused = f"The language model's server refused the request (status {status})."
    return _BY_STATUS.get(status, refused)
