"""A log line is one JSON object with who and which request, and without secrets."""

import json
import logging
import logging.config
import os
import subprocess
import sys

import pytest

from knowledge.lib import context
from knowledge.lib.logging import ContextFilter, JsonFormatter


def line(message: str = "event", *, exc_info=None, **extra) -> dict:
    record = logging.getLogger("a").makeRecord(
        "a", logging.INFO, __file__, 1, message, (), exc_info, extra=extra
    )
    ContextFilter().filter(record)
    written = JsonFormatter().format(record)
    assert "\n" not in written
    return json.loads(written)


def test_a_line_says_when_what_and_where() -> None:
    found = line("upload", size=12)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "level": "info",
        "logger": "a",
        "event": "upload",
        "size": 12,
        "request_id": "",
        "user_id": "",
        "role": "",
    }


def test_a_line_says_who_and_in_which_request() -> None:
    with context.bind(context.RequestContext(request_id="r", user_id="u", role="admin")):
        found = line()
    assert (found["request_id"], found["user_id"], found["role"]) == ("r", "u", "admin")


def test_a_task_may_name_another_request() -> None:
    with context.bind(context.RequestContext(request_id="r")):
        assert line(request_id="of-the-upload")["request_id"] == "of-the-upload"


def test_an_exception_stays_in_its_line() -> None:
    try:
        raise ValueError("why")
    except ValueError:
        found = line(exc_info=sys.exc_info())
    assert "ValueError: why" in found["exception"]


def test_a_whole_request_object_is_never_written() -> None:
    assert "request" not in line(request="GET /?q=secret")


def test_what_json_does_not_know_is_written_as_text() -> None:
    assert line(path=os)["path"].startswith("<module")


@pytest.mark.parametrize("logger", ["django.server", "uvicorn.access", "django.request"])
def test_the_loggers_that_write_query_strings_are_silent(logger: str) -> None:
    # In a process of its own: the tests' settings leave logging alone.
    code = (
        "import django, logging; django.setup();"
        f"logging.getLogger('{logger}').warning('GET /?q=secret');"
        "logging.getLogger('knowledge').info('heard')"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "knowledge.settings.dev"}
    written = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert "secret" not in written.stderr + written.stdout
    assert json.loads(written.stderr)["event"] == "heard"
