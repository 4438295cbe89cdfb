"""How often a person and an address may ask for what costs something: counted in one place.

A limit is a moving window: at no moment were there more than so many requests within the time
before. The counts are in the memory of the process, which is exact for one web process; several
share them in Redis (`RATE_LIMIT_STORAGE`).
"""

import threading
import time
from dataclasses import dataclass
from functools import cache
from logging import getLogger

from django.conf import settings
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from knowledge.lib import context
from knowledge.lib.errors import TooManyRequests

logger = getLogger("knowledge.limits")

_MEMORY = "memory://"
_limiters: dict[str, MovingWindowRateLimiter] = {}
_lock = threading.Lock()

# Which addresses of the product count towards which limit, by the name of their route.
SCOPES = {
    "accounts:login": "login",
    "api-login": "login",
    "api-refresh": "login",
    "accounts:join": "login",
    "accounts:change_password": "login",  # nosec B105 - names of a route and of a limit
    "accounts:members": "people",
    "accounts:invitations": "people",
    "admin:accounts_user_add": "people",
    "admin:accounts_user_change": "people",
    "api-users": "people",
    "api-invitations": "people",
    "rag:ask": "chat",
    "rag:again": "chat",
    "api-chat": "chat",
    "api-retrieval": "retrieval",
    "documents:upload": "upload",
    "documents:upload-send": "upload",
    "documents:add-version": "upload",
    "api-documents": "upload",
    "api-document-versions": "upload",
}
_WHAT = {
    "login": "attempts to sign in",
    "people": "accounts and invitations",
    "chat": "questions",
    "retrieval": "searches",
    "upload": "uploads",
    "api": "requests",
}


@dataclass(frozen=True)
class Standing:
    """Where somebody stands with the limit that is closest.

    Attributes:
        limit: requests within the window.
        remaining: those left.
        reset_s: seconds until there is room again.
    """

    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """Return the headers that scripts know it by."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }


def scope_of(route: str, method: str) -> str:
    """Return what a request counts towards; empty when it does not cost enough to be counted."""
    return SCOPES.get(route, "") if method == "POST" else ""


def count(*, scope: str, person: str = "", address: str = "") -> Standing | None:
    """Count one request, and return where the nearest limit stands; None where there is none.

    Args:
        scope: one of those in `RATE_LIMITS`.
        person: id of who asks, or the email that is tried; empty when nobody is known.
        address: IP address of the peer; empty for one without.

    Raises:
        TooManyRequests: over a limit; `standing` of the error says where it is.
    """
    per_person, per_address = settings.RATE_LIMITS.get(scope, ("", ""))
    counted = (("person", per_person, person), ("address", per_address, address))
    standings = [
        _count(item, scope, kind, whose)
        for kind, limit, whose in counted
        if limit and whose
        for item in _items(limit)
    ]
    nearest = min(standings, key=lambda standing: standing.remaining, default=None)
    _note(nearest)
    return nearest


def _note(standing: Standing | None) -> None:
    """Keep it for the headers of the answer, unless a nearer one was counted before."""
    request = context.current()
    before: Standing | None = request.standing
    if standing is not None and (before is None or standing.remaining <= before.remaining):
        request.standing = standing


def _count(item: RateLimitItem, scope: str, kind: str, whose: str) -> Standing:
    key = (scope, kind, whose)
    try:
        limiter = _limiter(settings.RATE_LIMIT_STORAGE)
        is_within, window = limiter.hit(item, *key), limiter.get_window_stats(item, *key)
    except StorageError:
        # Without the shared counts each process keeps its own: a limit that is too high for a
        # while is better than nobody getting in.
        logger.warning("rate limits not shared", extra={"scope": scope})
        limiter = _limiter(_MEMORY)
        is_within, window = limiter.hit(item, *key), limiter.get_window_stats(item, *key)
    reset_s = max(1, round(window.reset_time - time.time()))
    standing = Standing(item.amount, max(0, window.remaining), reset_s)
    if not is_within:
        logger.info("rate limited", extra={"scope": scope, "kind": kind})
        context.current().standing = standing
        raise RateLimited(scope, standing)
    return standing


class RateLimited(TooManyRequests):
    """Over a rate limit of this module."""

    def __init__(self, scope: str, standing: Standing) -> None:
        super().__init__(
            f"Too many {_WHAT[scope]} in a short time. Try again in {_duration(standing.reset_s)}.",
            retry_after_s=standing.reset_s,
        )
        self.standing = standing


@cache
def _items(limit: str) -> list[RateLimitItem]:
    return [parse(part) for part in limit.split(";")]


def _limiter(storage: str) -> MovingWindowRateLimiter:
    with _lock:  # two at once would each count in a memory of their own
        if storage not in _limiters:
            counts = (
                MemoryStorage()
                if storage == _MEMORY
                else storage_from_string(storage, wrap_exceptions=True)
            )
            _limiters[storage] = MovingWindowRateLimiter(counts)
        return _limiters[storage]


def forget() -> None:
    """Begin to count anew in this process; for tests."""
    with _lock:
        _limiters.clear()


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{-(-seconds // 60)} minutes"
