"""Locks an email out at an address after too many failures, whoever it is, or nobody.

SECURITY: the one place that looks at passwords of people who sign in; a test holds that.
"""

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest

from accounts.models import User
from knowledge.lib import context
from knowledge.lib.errors import TooManyRequests


class LockedOut(TooManyRequests):
    """Too many failures; the right password does not help until the time is over."""

    code = "locked_out"

    def __init__(self) -> None:
        minutes = settings.LOGIN_LOCKOUT_MINUTES
        super().__init__(
            f"Too many failed attempts to sign in. Try again in {minutes} minutes.",
            retry_after_s=minutes * 60,
        )


def address_of(request: HttpRequest) -> str:
    """Return where a request comes from, as the log and the audit trail name it."""
    return context.current().address or "0.0.0.0"  # noqa: S104  a unix socket has none  # nosec B104


def try_credentials(*, email: str, password: str) -> User | None:
    """Return the user of this email and password, else None; each failure is counted.

    SECURITY: refusals look the same whether the email is known or not: both are counted alike, and
    who is locked out is told so before any password is looked at.

    Raises:
        LockedOut: the email failed too often from this address, or has just now.
    """
    request = HttpRequest()  # what the counting library asks for; it takes nothing else from it
    email = email.strip().lower()
    credentials = {"username": email}
    if not AxesProxyHandler.is_allowed(request, credentials):
        raise LockedOut
    user = authenticate(request, username=email, password=password)
    if user is None and not AxesProxyHandler.is_allowed(request, credentials):
        raise LockedOut
    return user if isinstance(user, User) else None


def unlock(*, email: str) -> None:
    """Forget the failures of an email, at every address."""
    AxesProxyHandler.reset_attempts(username=email.strip().lower())
