"""The errors that a person or a script is shown, each with a stable code and an HTTP status."""

from collections.abc import Mapping
from typing import Any


class AppError(Exception):
    """Something that the caller can understand and often mend.

    Args:
        message: one sentence for a person, without document text or secrets.
        details: JSON-ready facts for a script, such as the limit that was passed.
    """

    code = "error"
    status = 400
    retry_after_s: int | None = None

    def __init__(self, message: str, *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = dict(details or {})


class InvalidInput(AppError):
    """A value is missing or wrong."""

    code = "invalid"


class NotSignedIn(AppError):
    """Nobody is signed in, or what was shown as proof does not hold (any more)."""

    code = "not_authenticated"
    status = 401
    challenge = 'Bearer realm="api"'  # RFC 9110: every 401 says what it asks for

    def __init__(self, message: str = "Sign in first.", *, code: str = "") -> None:
        super().__init__(message)
        self.code = code or self.code


class NotFound(AppError):
    """It does not exist, or the caller may not know that it does; both answer alike."""

    code = "not_found"
    status = 404

    def __init__(self, message: str = "Not found.") -> None:
        super().__init__(message)


class NotAllowed(AppError):
    """The caller may see it but not do this to it."""

    code = "permission_denied"
    status = 403

    def __init__(self, message: str = "You do not have permission to do this.") -> None:
        super().__init__(message)


class Conflict(AppError):
    """The state does not allow it now."""

    code = "conflict"
    status = 409


class TooLarge(AppError):
    """More bytes than the limit allows."""

    code = "too_large"
    status = 413


class UnsupportedType(AppError):
    """A file of a type that is not accepted."""

    code = "unsupported_type"
    status = 415


class Unprocessable(AppError):
    """Understood, but over a limit (a question that is too long, say)."""

    code = "unprocessable"
    status = 422


class TooManyRequests(AppError):
    """Over a rate limit; `retry_after_s` says when to come back."""

    code = "rate_limited"
    status = 429

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message, details={"retry_after_s": retry_after_s})
        self.retry_after_s = retry_after_s


class Unavailable(AppError):
    """A part that is needed does not answer now."""

    code = "unavailable"
    status = 503


class Overloaded(AppError):
    """More is asked than this process can do now; `retry_after_s` says when to come back."""

    code = "overloaded"
    status = 503

    def __init__(
        self,
        message: str = "Too many people are asking just now. Try again in a few seconds.",
        *,
        retry_after_s: int,
    ) -> None:
        super().__init__(message, details={"retry_after_s": retry_after_s})
        self.retry_after_s = retry_after_s


class Busy(AppError):
    """The database was locked for longer than a request waits; nothing was changed."""

    code = "busy"
    status = 503
    retry_after_s = 5

    def __init__(
        self, message: str = "The system is busy. Nothing was changed; try again in a few seconds."
    ) -> None:
        super().__init__(message, details={"retry_after_s": self.retry_after_s})


class StorageFull(AppError):
    """No room is left for files or rows; nothing was changed."""

    code = "storage_full"
    status = 507

    def __init__(
        self,
        message: str = "The server has no room left, so nothing was changed. "
        "An administrator has to make room.",
    ) -> None:
        super().__init__(message)


def error_body(code: str, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the one JSON shape of every error."""
    return {"error": {"code": code, "message": message, "details": dict(details or {})}}
