"""The two processes as the tests see them: both can be told to do an action."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from django.conf import settings
from django.db import connection

from rag.tests.two_processes.actions import ACTIONS

ROOT = Path(__file__).resolve().parents[3]


class Process(Protocol):
    """Does actions."""

    def do(self, action: str, **values: Any) -> Any:
        """Do the action and return its result."""


class ThisProcess:
    """The process of the test itself."""

    def do(self, action: str, **values: Any) -> Any:
        return ACTIONS[action](**values)


class OtherProcess:
    """A Python of its own, on the same database and folders, for the length of a `with` block."""

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "rag.tests.two_processes.child"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._write(
            {
                "database": str(connection.settings_dict["NAME"]),
                "media": str(settings.MEDIA_ROOT),
                "vector_store": str(settings.VECTOR_STORE_DIR),
            }
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(timeout=60)

    def do(self, action: str, **values: Any) -> Any:
        """Do the action there and return its result.

        Raises:
            AssertionError: it failed there, or the process died.
        """
        self._write({"action": action, "values": values})
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        assert line, f"the other process ended with {self._child.wait(timeout=60)}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _write(self, message: dict[str, Any]) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(message) + "\n")
        self._child.stdin.flush()
