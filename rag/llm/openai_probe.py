"""Asks the model server whether it is there, without asking it a question."""

import threading
import time
from dataclasses import dataclass

from django.conf import settings

_TIMEOUT_S = 5.0
_KEPT_S = 60.0


@dataclass(frozen=True)
class Answer:
    """What the server said.

    Attributes:
        at: seconds of `time.monotonic()`.
        ms: until it answered; None: it did not.
        status: of the HTTP answer; 0 without one.
        models: the names that it lists; empty where it lists none.
    """

    at: float
    ms: float | None
    status: int = 0
    models: tuple[str, ...] = ()

    @property
    def age_s(self) -> int:
        """How old it is, in seconds."""
        return round(time.monotonic() - self.at)


_latest: dict[tuple[str, str], Answer] = {}
_lock = threading.Lock()


def latest() -> Answer | None:
    """Return what the configured server said within the last minute, to this process."""
    answer = _latest.get(_server())
    return answer if answer is not None and time.monotonic() - answer.at < _KEPT_S else None


def ask() -> Answer:
    """Ask for the list of its models, unless that was done within the last minute.

    One at a time: however many people press the button, the server is asked once a minute.
    """
    with _lock:
        known = latest()
        if known is None:
            known = _latest[_server()] = _ask()
        return known


def _server() -> tuple[str, str]:
    return settings.LLM_BASE_URL, settings.OPENAI_API_KEY


def _ask() -> Answer:
    import openai

    client = openai.OpenAI(
        api_key=settings.OPENAI_API_KEY or "none",
        base_url=settings.LLM_BASE_URL or None,
        timeout=min(_TIMEOUT_S, settings.LLM_READ_TIMEOUT_S),
        max_retries=0,
    )
    started = time.monotonic()
    with client:
        try:
            models = tuple(model.id for model in client.models.list().data)
        except openai.APIStatusError as error:
            return Answer(time.monotonic(), _ms(started), error.status_code)
        # What is no list of models has been answered all the same.
        except (openai.APIResponseValidationError, TypeError, AttributeError, ValueError):
            return Answer(time.monotonic(), _ms(started), 200)
        except openai.OpenAIError:
            return Answer(time.monotonic(), None)
    return Answer(time.monotonic(), _ms(started), 200, models)


def _ms(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
