"""What is known of the request or task at hand, for logs and audit: ids and role only."""

import contextlib
import uuid
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass
class RequestContext:
    """Who asked, and under which request id; tasks take over the id of the request behind them.

    Attributes:
        error_code: what the answer calls the error, once it is one.
        standing: where the rate limit stands that is nearest, once one was counted.
    """

    request_id: str = ""
    user_id: str = ""
    role: str = ""
    address: str = ""
    error_code: str = ""
    standing: Any = None


_current: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)


def current() -> RequestContext:
    """Return the context of the running request or task; an empty one outside of both."""
    return _current.get() or RequestContext()


def set_user(user: Any) -> None:
    """Note who asked, as soon as that is known; somebody who is not signed in is nobody."""
    if user.is_authenticated:
        known = current()
        known.user_id, known.role = str(user.pk), user.role


def set_error(code: str) -> None:
    """Note what the answer calls the error, or the kind of an exception that nobody foresaw."""
    current().error_code = code


def new_request_id() -> str:
    """Return a fresh request id."""
    return uuid.uuid4().hex


@contextlib.contextmanager
def bind(context: RequestContext) -> Iterator[RequestContext]:
    """Make `context` the current one for the block."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)
