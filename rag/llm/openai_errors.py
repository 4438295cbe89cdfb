"""What a failed call to an OpenAI-compatible server means: to try again, to count, to tell."""

import math
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from django.conf import settings

from rag.llm.base import ModelUnavailable

if TYPE_CHECKING:
    import openai

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0
NO_KEY = "The language model has no API key: an administrator has to set OPENAI_API_KEY."
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
BROKEN = "The language model's answer broke off. Try again."
TOO_SLOW = "The language model took too long to answer. Try again."
RETRY_AFTER_S = 30  # told to scripts where the server itself asks for nothing


def may_pass(error: "openai.APIError") -> bool:
    """Tell whether another try may help the one who waits."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return error.status_code >= 500 or (
            error.status_code in (408, 409, 429) and not _is_credit(error)
        )
    if isinstance(error, openai.APITimeoutError):
        # A server that took the request and fell silent has used up the patience already, and
        # may still be working on it: another copy would only add to its load.
        return type(error.__cause__).__name__ == "ConnectTimeout"
    return isinstance(error, openai.APIConnectionError)


def is_servers_fault(error: "openai.OpenAIError") -> bool:
    """Tell whether the server is away or overloaded; not so for what it refuses with a reason."""
    import openai

    if not isinstance(error, openai.APIStatusError):
        return True
    return error.status_code >= 500 or (error.status_code in (408, 429) and not _is_credit(error))


def _is_credit(error: "openai.APIStatusError") -> bool:
    """Tell whether the account is empty, which some servers report as too many requests."""
    code = f"{error.code} {error.type}".lower()
    return "quota" in code or "billing" in code


def pause_before_retry(attempt: int, error: "openai.APIError") -> float | None:
    """Return seconds: what the server asks for, else doubling with full jitter.

    None when the server asks for more than anybody would wait.
    """
    asked = _asked_pause(error)
    if asked > 0:
        return asked if asked <= _LONGEST_PAUSE_S else None
    return random.uniform(0, min(_FIRST_PAUSE_S * 2**attempt, _LONGEST_PAUSE_S))  # noqa: S311  # nosec B311


def _asked_pause(error: "openai.OpenAIError") -> float:
    """Return the seconds of a Retry-After header, given as a number or a date; 0 without one."""
    import openai

    if not isinstance(error, openai.APIStatusError):
        return 0.0
    value = error.response.headers.get("retry-after", "")
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):  # no date, or one without a zone
        return 0.0


def explain(error: "openai.OpenAIError", *, has_begun: bool) -> ModelUnavailable:
    """Say in one sentence what the person, or an administrator, can do about it."""
    retry_after_s = max(RETRY_AFTER_S, math.ceil(_asked_pause(error)))
    return ModelUnavailable(
        _sentence(error, has_begun=has_begun),
        retry_after_s=retry_after_s if is_servers_fault(error) else None,
    )


def _sentence(error: "openai.OpenAIError", *, has_begun: bool) -> str:
    import openai

    if isinstance(error, openai.APITimeoutError):
        return TOO_SLOW
    if isinstance(error, openai.APIConnectionError) and not has_begun:
        return "The language model's server can't be reached. Try again later."
    return _sentence_for(error) if isinstance(error, openai.APIStatusError) else BROKEN


def _sentence_for(error: "openai.APIStatusError") -> str:
    status = error.status_code
    if "context" in f"{error.code} {error.type}".lower() or status == 413:
        return _TOO_LONG
    if _is_credit(error):
        return _NO_CREDIT
    if status in (401, 403) and not settings.OPENAI_API_KEY:
        return NO_KEY
    if status >= 500:
        return "The language model's server has a fault. Try again later."
    refused = f"The language model's server refused the request (status {status})."
    return _BY_STATUS.get(status, refused)
