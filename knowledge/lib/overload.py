"""Bounded work and a bounded queue before it: what is too much is refused at once, not piled up."""

import asyncio
import math
import random
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from logging import getLogger

from knowledge.lib.errors import Overloaded

logger = getLogger("knowledge.overload")


@dataclass(frozen=True)
class Limits:
    """How much a gate lets in.

    Attributes:
        places: how many are inside at once.
        queue: how many may wait for a place; one more is refused at once.
        wait_s: seconds that one waits at most, and is then refused.
    """

    places: int
    queue: int
    wait_s: float


class Gate:
    """Lets in so many at once, in the order in which they came; for threads and for tasks alike.

    Args:
        name: what it guards, for the log.
        limits: asked at each entry, so that settings may change.
    """

    def __init__(self, name: str, limits: Callable[[], Limits]) -> None:
        self.name = name
        self._limits = limits
        self._lock = threading.Lock()
        self._inside = 0
        self._waiting: deque[Future[None]] = deque()

    @property
    def inside(self) -> int:
        """How many are inside now."""
        return self._inside

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    def require_room(self) -> None:
        """Refuse early what would be refused anyway.

        Raises:
            Overloaded: no place is free, and the queue is full.
        """
        limits = self._limits()
        with self._lock:
            if self._is_full(limits):
                raise self._refusal(limits)

    @contextmanager
    def entered(self, *, for_ever: bool = False) -> Iterator[None]:
        """Hold a place for the block; this thread waits for it.

        Args:
            for_ever: for work that may take its time: it waits in the same order, but neither is
                refused nor gives up.

        Raises:
            Overloaded: the queue is full, or the wait was too long.
        """
        limits = self._limits()
        turn = self._ask(limits, may_refuse=not for_ever)
        try:
            turn.result(None if for_ever else limits.wait_s)
        except FutureTimeout:
            if not self._give_up(turn):
                raise self._refusal(limits) from None
            # The place came in the same moment.
        except BaseException:
            if self._give_up(turn):
                self._leave()
            raise
        try:
            yield
        finally:
            self._leave()

    @asynccontextmanager
    async def entered_by_task(self) -> AsyncIterator[None]:
        """Hold a place for the block; this task waits for it, and no thread does.

        Raises:
            Overloaded: the queue is full, or the wait was too long.
        """
        limits = self._limits()
        turn = self._ask(limits)
        try:
            if not turn.done():
                async with asyncio.timeout(limits.wait_s):
                    await asyncio.shield(asyncio.wrap_future(turn))
        except TimeoutError:
            if not self._give_up(turn):
                raise self._refusal(limits) from None
        except BaseException:  # cancelled while it waits
            if self._give_up(turn):
                self._leave()
            raise
        try:
            yield
        finally:
            self._leave()

    def _ask(self, limits: Limits, *, may_refuse: bool = True) -> "Future[None]":
        """Return the turn: done when a place is held, else when one will be."""
        turn: Future[None] = Future()
        with self._lock:
            if self._inside < limits.places:
                self._inside += 1
                turn.set_result(None)
            elif may_refuse and self._is_full(limits):
                raise self._refusal(limits)
            else:
                self._waiting.append(turn)
        return turn

    def _is_full(self, limits: Limits) -> bool:
        return self._inside >= limits.places and len(self._waiting) >= limits.queue

    def _give_up(self, turn: "Future[None]") -> bool:
        """Stop waiting; True when the place had been handed over, and is held."""
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
            return True

    def _leave(self) -> None:
        with self._lock:
            # The place is handed on, not freed: a newcomer can't slip in before those who wait.
            turn = self._waiting.popleft() if self._waiting else None
            if turn is None:
                self._inside -= 1
        if turn is not None:
            turn.set_result(None)

    def _refusal(self, limits: Limits) -> Overloaded:
        fields = {"gate": self.name, "inside": self._inside, "waiting": len(self._waiting)}
        logger.warning("overloaded", extra=fields)
        return Overloaded(retry_after_s=retry_after(limits.wait_s))


def retry_after(wait_s: float) -> int:
    """Return seconds, spread so that those who were refused together don't return together."""
    least = max(1, math.ceil(wait_s))
    return random.randint(least, 2 * least)  # noqa: S311  # nosec B311
