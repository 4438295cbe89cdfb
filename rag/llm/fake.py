"""A chat model for tests: answers what was queued, and keeps what it was asked."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from rag.llm.base import DONT_KNOW, ChatDelta, ChatModel, ChatRequest, ModelUnavailable, TokenUsage


@dataclass
class FakeReply:
    """One answer to come.

    Attributes:
        pieces: the deltas, in order.
        usage: sent after them; None for a server that doesn't count.
        error: raised after the pieces.
        hangs: whether it waits for ever after the pieces, until it is cancelled or closed.
    """

    pieces: Sequence[str] = ()
    usage: TokenUsage | None = field(default_factory=lambda: TokenUsage(100, 10))
    error: ModelUnavailable | None = None
    hangs: bool = False


class FakeChatModel(ChatModel):
    """Gives the queued replies one after the other; says that it doesn't know when none is left.

    Attributes:
        history: every request so far.
        closed: how many streams ended before they were exhausted.
    """

    name = "fake"

    def __init__(self) -> None:
        self.queue: deque[FakeReply] = deque()
        self.history: list[ChatRequest] = []
        self.closed = 0
        self.is_waiting = asyncio.Event()

    def reset(self) -> None:
        """Forget everything; a test begins with it."""
        self.__init__()  # type: ignore[misc]

    def enqueue(self, *pieces: str, **options: object) -> None:
        """Queue a reply of these pieces; the options are FakeReply's."""
        self.queue.append(FakeReply(pieces, **options))  # type: ignore[arg-type]

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        self.history.append(request)
        reply = self.queue.popleft() if self.queue else FakeReply((DONT_KNOW,))
        try:
            for piece in reply.pieces:
                yield ChatDelta(piece)
            if reply.hangs:
                self.is_waiting.set()
                await asyncio.Event().wait()
        except (asyncio.CancelledError, GeneratorExit):
            self.closed += 1
            raise
        if reply.error:
            raise reply.error
        yield ChatDelta(usage=reply.usage)
