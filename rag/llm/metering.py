"""One model call, with what it cost: complete, stopped and failed ones alike."""

import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal

from django.conf import settings
from django.utils import timezone

from rag.llm.base import ChatModel, ChatRequest, ModelUnavailable, TokenUsage

Outcome = Literal["completed", "stopped", "failed"]
_CHARACTERS_PER_TOKEN = 4  # a usual figure for English; only where the server did not say
# What a server's template may put around a prompt, and around each of its messages, in tokens.
_AROUND_PROMPT = 64
_AROUND_MESSAGE = 16


class MeteredCall:
    """Streams one answer of a model and keeps count, so that it can be read at any time.

    Attributes:
        id: what it reserves of budgets goes by.
        feature: what it is for, one of `UsageRecord.Feature`.
        begun_at: decides on its price.
        text: what has arrived so far.
        outcome: "stopped" until it has ended otherwise, because whoever stops doesn't say so.
        ms: how long it took.
        was_begun: whether the model was asked at all.
        confidence: from 0 to 1; None where the model tells none.
    """

    def __init__(self, model: ChatModel, request: ChatRequest, *, feature: str) -> None:
        self.id = uuid.uuid4()
        self.begun_at = timezone.now()
        self.model = model
        self.request = request
        self.feature = feature
        self.text = ""
        self.outcome: Outcome = "stopped"
        self.ms = 0
        self.was_begun = False
        self.confidence: float | None = None
        self._reported: TokenUsage | None = None

    async def stream(self) -> AsyncGenerator[str, None]:
        """Yield the text piece by piece; closing the iterator ends the call.

        Raises:
            ModelUnavailable: as the model does, or when the call takes longer than a turn may.
        """
        self.was_begun = True
        self.begun_at = timezone.now()
        started = time.monotonic()
        try:
            async with aclosing(self.model.stream(self.request)) as deltas:
                async for delta in deltas:
                    self._reported = delta.usage or self._reported
                    if delta.confidence is not None:
                        self.confidence = delta.confidence
                    if delta.text:
                        self.text += delta.text
                        yield delta.text
                    if time.monotonic() - started > settings.TURN_TIMEOUT_S:
                        raise ModelUnavailable("The language model took too long. Try again.")
            self.outcome = "completed"
        except ModelUnavailable:
            self.outcome = "failed"
            raise
        finally:
            self.ms = round((time.monotonic() - started) * 1000)

    @property
    def usage(self) -> TokenUsage:
        """Tokens as reported; estimated for a call that was cut off before the report."""
        if self._reported is not None:
            return self._reported
        nothing_was_done = self.outcome == "failed" and not self.text
        if nothing_was_done or not self.model.generates:
            return TokenUsage()
        return TokenUsage(self.estimated_prompt_tokens, _estimate(len(self.text)))

    @property
    def estimated_prompt_tokens(self) -> int:
        """What its prompt comes to, by a usual figure."""
        return _estimate(sum(len(message.content) for message in self.request.messages))

    @property
    def most(self) -> TokenUsage:
        """What it may use at most: no token is shorter than a byte."""
        texts = [message.content.encode() for message in self.request.messages]
        prompt = _AROUND_PROMPT + sum(_AROUND_MESSAGE + len(text) for text in texts)
        return TokenUsage(prompt, self.request.max_tokens)


def _estimate(characters: int) -> int:
    return -(-characters // _CHARACTERS_PER_TOKEN)
