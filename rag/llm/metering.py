"""One model call, with what it cost: complete, stopped and failed ones alike."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from decimal import Decimal
from typing import Literal

from django.conf import settings

from rag.llm.base import ChatModel, ChatRequest, ModelUnavailable, TokenUsage

Outcome = Literal["completed", "stopped", "failed"]
_CHARACTERS_PER_TOKEN = 4  # a usual figure for English; only where the server did not say


class MeteredCall:
    """Streams one answer of a model and keeps count, so that it can be read at any time.

    Attributes:
        feature: what it is for: "chat" or "condense".
        text: what has arrived so far.
        outcome: "stopped" until it has ended otherwise, because whoever stops doesn't say so.
        ms: how long it took.
        was_begun: whether the model was asked at all.
    """

    def __init__(self, model: ChatModel, request: ChatRequest, *, feature: str) -> None:
        self.model = model
        self.request = request
        self.feature = feature
        self.text = ""
        self.outcome: Outcome = "stopped"
        self.ms = 0
        self.was_begun = False
        self._reported: TokenUsage | None = None

    async def stream(self) -> AsyncGenerator[str, None]:
        """Yield the text piece by piece; closing the iterator ends the call.

        Raises:
            ModelUnavailable: as the model does, or when the call takes longer than a turn may.
        """
        self.was_begun = True
        started = time.monotonic()
        try:
            async with aclosing(self.model.stream(self.request)) as deltas:
                async for delta in deltas:
                    self._reported = delta.usage or self._reported
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
        prompt = sum(len(message.content) for message in self.request.messages)
        return TokenUsage(_estimate(prompt), _estimate(len(self.text)))

    @property
    def cost(self) -> Decimal:
        """In the currency of the configured prices."""
        usage = self.usage
        price = (
            usage.prompt_tokens * settings.LLM_PROMPT_PRICE
            + usage.completion_tokens * settings.LLM_COMPLETION_PRICE
        )
        return Decimal(price / 1_000_000).quantize(Decimal("0.000001"))


def _estimate(characters: int) -> int:
    return -(-characters // _CHARACTERS_PER_TOKEN)
