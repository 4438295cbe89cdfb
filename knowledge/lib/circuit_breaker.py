"""Spares a server that does not answer: after failures in a row, calls fail at once for a while.

Written here because no kept library fits a streamed call: they lead all waiting calls to the server
when the pause is over, and know no call that ends without a verdict, as one does whose reader left.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging import getLogger
from typing import Literal

logger = getLogger("knowledge.circuit")

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class CircuitLimits:
    """When a circuit opens, and for how long.

    Attributes:
        failures: in a row, that open it.
        window_s: seconds within which they have to come.
        pause_s: seconds before one call is tried again.
    """

    failures: int
    window_s: float
    pause_s: float


class CircuitOpen(Exception):
    """The call was not made; `retry_after_s` says when another one may be."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"open for {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Call:
    """One call that was let through, and what came of it."""

    def __init__(self, breaker: "CircuitBreaker") -> None:
        self._breaker = breaker

    @property
    def may_be_repeated(self) -> bool:
        """Whether to try again after a failure: not as a trial, nor once the circuit is open."""
        return self._breaker.state == "closed"

    def began(self) -> None:
        """Say that an answer begins, which may go on for long: a trial has shown enough."""
        self._breaker._note_success(self, is_complete=False)

    def succeeded(self) -> None:
        """Say that the answer is complete."""
        self._breaker._note_success(self, is_complete=True)

    def failed(self) -> None:
        """Say that the server doesn't; what is the caller's own fault is not to be told."""
        self._breaker._note_failure(self)


class CircuitBreaker:
    """The state of one server as this process knows it; safe for threads and tasks.

    Closed, calls pass. After `failures` in a row it is open: calls are refused. After the pause it
    is half open: one call passes as a trial, and closes the circuit or opens it again.
    """

    def __init__(
        self, name: str, limits: CircuitLimits, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: list[float] = []
        self._opened_at: float | None = None
        self._trial: Call | None = None

    @property
    def state(self) -> State:
        with self._lock:
            if self._opened_at is None:
                return "closed"
            return "open" if self._seconds_left() > 0 else "half_open"

    @contextmanager
    def call(self) -> Iterator[Call]:
        """Let one call through; one that ends without a verdict has no effect.

        Raises:
            CircuitOpen: it must not be made now.
        """
        call = self._admit()
        try:
            yield call
        finally:
            with self._lock:
                if self._trial is call:
                    self._trial = None  # whoever asked left: the next call is the trial

    def _admit(self) -> Call:
        with self._lock:
            if self._opened_at is None:
                return Call(self)
            left = self._seconds_left()
            if left > 0 or self._trial is not None:
                raise CircuitOpen(max(1, math.ceil(left)))
            self._trial = Call(self)
            return self._trial

    def _seconds_left(self) -> float:
        assert self._opened_at is not None  # noqa: S101  the callers have looked  # nosec B101
        return self._opened_at + self._limits.pause_s - self._clock()

    def _note_success(self, call: Call, *, is_complete: bool) -> None:
        with self._lock:
            if self._opened_at is None:
                if is_complete:
                    self._failures.clear()
            elif self._trial is call:
                self._opened_at, self._trial = None, None
                self._failures.clear()
                logger.info("circuit_closed", extra={"circuit": self.name})

    def _note_failure(self, call: Call) -> None:
        with self._lock:
            now = self._clock()
            if self._opened_at is not None:
                # One that was let through before the circuit opened says nothing new.
                if self._trial is not call:
                    return
                self._trial = None
            else:
                since = now - self._limits.window_s
                self._failures = [*(at for at in self._failures if at > since), now]
                if len(self._failures) < self._limits.failures:
                    return
            self._opened_at = now
            fields = {"circuit": self.name, "pause_s": self._limits.pause_s}
            logger.warning("circuit_opened", extra=fields)


_breakers: dict[str, CircuitBreaker] = {}
_lock = threading.Lock()


def get_breaker(name: str, limits: CircuitLimits) -> CircuitBreaker:
    """Return this process's breaker of that name, made at its first use."""
    with _lock:
        if name not in _breakers:
            _breakers[name] = CircuitBreaker(name, limits)
        return _breakers[name]


def states() -> dict[str, State]:
    """Return the state of each circuit that this process has used, by name, for diagnostics."""
    with _lock:
        return {name: breaker.state for name, breaker in _breakers.items()}


def forget_all() -> None:
    """Start afresh; a test begins with it."""
    with _lock:
        _breakers.clear()
