"""Real processes that do what they are told until something kills them.

They are forked from one that has imported the product but neither FAISS nor a model, has one
thread and has never opened the database; what each loads and opens is its own and dies with it.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from django.db import connections

from knowledge.tests.crash import operations

_fork = multiprocessing.get_context("fork")
_PR_SET_PDEATHSIG = 1  # prctl(2)
PATIENCE_S = 120.0
# The ends in this process of all lines: while a later child had one open, an earlier one would not
# notice that it was closed here.
_ours: set[Connection] = set()
_POLL_S = 0.01


class Died(Exception):
    """The process was killed while it worked."""


class Survived(Exception):
    """The process came to the end of its work without passing the moment it should die at."""


class Misbehaved(Exception):
    """The process raised, hung, or ended otherwise than by SIGKILL."""


class Process:
    """One process of the product, which runs functions of `operations` by name."""

    def __init__(self, log: Path) -> None:
        self._ours, theirs = _fork.Pipe()
        _ours.add(self._ours)
        self._process = _fork.Process(target=_serve, args=(theirs, log), daemon=True)
        self._process.start()
        theirs.close()  # so that its end can be read as the end of the process

    def do(self, operation: str, /, **arguments: Any) -> Any:
        """Have it run an operation and return what that returns.

        Raises:
            Died: it was killed.
            Misbehaved: the operation raised, or did not come to an end.
        """
        self.begin(operation, **arguments)
        return self.result()

    def begin(self, operation: str, /, **arguments: Any) -> None:
        self._ours.send((operation, arguments))

    def result(self) -> Any:
        if not self._ours.poll(PATIENCE_S):
            self.kill()
            raise Misbehaved(f"hung for {PATIENCE_S:.0f} s")
        try:
            is_error, result = self._ours.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            self._hang_up()
            if self._process.exitcode != -signal.SIGKILL:
                raise Misbehaved(f"ended with {self._process.exitcode}") from None
            raise Died from None
        if is_error:
            raise Misbehaved(result)
        return result

    def ends_within(self, seconds: float) -> bool:
        """Wait for the end of what it does, but no longer."""
        return self._ours.poll(seconds)

    def kill(self) -> None:
        """Kill it now, whatever it is doing."""
        self._process.kill()
        self._process.join()
        self._hang_up()

    def wait_until_stopped(self) -> None:
        """Return once it has stopped itself (SIGSTOP).

        Raises:
            Survived: it came to the end of its work first.
        """
        pid = self._process.pid
        assert pid is not None
        while True:
            found = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is not None and found.si_code == os.CLD_STOPPED:
                return
            if found is not None or self._ours.poll(_POLL_S):
                raise Survived

    def go_on(self) -> None:
        """Wake it up again (SIGCONT)."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        """Let it end by itself, as one that is no longer needed."""
        self._hang_up()
        self._process.join(PATIENCE_S)
        if self._process.is_alive():
            self.kill()

    def _hang_up(self) -> None:
        """Close the line, on which the process ends."""
        self._ours.close()
        _ours.discard(self._ours)


def _serve(theirs: Connection, log: Path) -> None:
    for inherited in _ours:
        inherited.close()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    while True:
        try:
            name, arguments = theirs.recv()
        except EOFError:
            return
        try:
            answer = (False, getattr(operations, name)(**arguments))
        except Exception:  # told to the harness, which judges it
            answer = (True, traceback.format_exc())
        connections.close_all()
        theirs.send(answer)
