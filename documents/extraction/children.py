"""Has bounded child processes work on files, so that a hostile file costs one child and no more.

The children are forked by a process of its own (`zygote.py`), which is started at first use and
again if it dies.
"""

import atexit
import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess  # nosec B404  # each use says why
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from documents.extraction.errors import ExtractionError
from documents.extraction.zygote import READY, STATUS

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parent.parent.parent
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from documents.extraction.zygote import main; main(int(sys.argv[2]))"
)
_START_S = 60
_GRACE_S = 10
"""How much longer than the child's time limit the parent waits before it ends the whole zygote."""
_CPU_SHARE = 0.75
"""A file that computes without end meets the limit of processor time, which says that trying again
is no use, before that of wall time, which a busy machine may have caused."""
_ATTEMPTS = 2
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Bounds:
    """What one child may use.

    Attributes:
        timeout_s: seconds until it is ended.
        memory_bytes: address space.
        answer_bytes: of what it says; one that says more is not believed.
    """

    timeout_s: int
    memory_bytes: int
    answer_bytes: int


@dataclass(frozen=True)
class Answer:
    """What a child has said, and with which exit status it ended."""

    data: bytes
    exit_status: int


class TooMuchSaid(Exception):
    """The child said more than an honest one does."""


class _ZygoteGone(Exception):
    """The zygote ended, and its children with it; a new one can be asked."""


class _Zygote:
    """A running zygote process and the socket to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # SECURITY: no variable of ours reaches the process that parses: keys and passwords are
        # among them. -I also keeps the current folder and PYTHON* out of it.
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # nosec B603  # our own program
                [sys.executable, "-I", "-c", _BOOT, str(_ROOT), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"},
                cwd="/",
                start_new_session=True,
            )
        self._control = ours
        self._sending = threading.Lock()
        ours.settimeout(_START_S)
        try:
            ready = ours.recv(len(READY))
        except OSError:
            ready = b""
        if ready != READY:
            self.kill()
            raise _ZygoteGone
        ours.settimeout(None)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, request: bytes, descriptors: list[int]) -> None:
        try:
            with self._sending:
                socket.send_fds(self._control, [request], descriptors)
        except OSError as error:
            raise _ZygoteGone from error

    def kill(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Close the socket, on which it ends."""
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)

    def forget(self) -> None:
        """Let go of it in a forked process: it belongs to the parent."""
        self._control.close()
        self._process.returncode = 0  # not ours to wait for


class _Keeper:
    """One zygote for all threads of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._zygote: _Zygote | None = None

    def get(self) -> _Zygote:
        with self._lock:
            if self._zygote is None:
                self._zygote = _Zygote()
            return self._zygote

    def discard(self, zygote: _Zygote) -> None:
        """Drop a zygote that does not answer, unless another thread has done so."""
        with self._lock:
            if self._zygote is zygote:
                self._zygote = None
                zygote.kill()

    def close(self) -> None:
        with self._lock:
            if self._zygote is not None:
                self._zygote.close()
                self._zygote = None

    def after_fork(self) -> None:
        if self._zygote is not None:
            self._zygote.forget()
        self.__init__()  # type: ignore[misc]  # the lock may have been held


_keeper = _Keeper()
os.register_at_fork(after_in_child=_keeper.after_fork)
atexit.register(_keeper.close)


def zygote_pid() -> int:
    """Return the number of the process that forks the children, which is started if need be."""
    return _keeper.get().pid


def ask(file: int, request: dict[str, Any], bounds: Bounds) -> Answer:
    """Have a child do something with a file; may be called by several threads at once.

    Args:
        file: descriptor of the file, which is the child's only one.
        request: what to do, as `zygote.py` understands it.
        bounds: what it may use.

    Raises:
        ExtractionError: the child was ended, or none could be started.
        TooMuchSaid: by the child.
    """
    for _ in range(_ATTEMPTS):
        zygote = None
        try:
            zygote = _keeper.get()
            return _ask(zygote, file, request, bounds)
        except _ZygoteGone:
            log.warning("extraction process ended, starting another")
            if zygote is not None:
                _keeper.discard(zygote)
    raise ExtractionError(
        "The part that reads files could not be started. It is tried again by itself.",
        code="reader_unavailable",
        may_pass=True,
    )


def _ask(zygote: _Zygote, file: int, request: dict[str, Any], bounds: Bounds) -> Answer:
    cpu_s = max(1, int(bounds.timeout_s * _CPU_SHARE))
    message = json.dumps({**request, **asdict(bounds), "cpu_s": cpu_s}).encode()
    answer_read, answer_write = os.pipe()
    status_read, status_write = os.pipe()
    try:
        try:
            zygote.send(message, [file, answer_write, status_write])
        finally:
            os.close(answer_write)
            os.close(status_write)
        deadline = time.monotonic() + bounds.timeout_s + _GRACE_S
        data = _read(answer_read, deadline, bounds.answer_bytes)
        status = _read(status_read, deadline, STATUS.size)
    finally:
        os.close(answer_read)
        os.close(status_read)
    if len(status) < STATUS.size:
        raise _ZygoteGone
    ended, killed = STATUS.unpack(status)
    check_end(ended, killed, bounds.timeout_s)
    return Answer(data, os.waitstatus_to_exitcode(ended))


def _read(descriptor: int, deadline: float, most: int) -> bytes:
    """Read until the other side closes.

    Raises:
        _ZygoteGone: nobody has answered in time.
        TooMuchSaid: more than an honest child says.
    """
    data = bytearray()
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not waiting.poll(left * 1000):
            raise _ZygoteGone
        piece = os.read(descriptor, _READ_BYTES)
        if not piece:
            return bytes(data)
        data += piece
        if len(data) > most:
            raise TooMuchSaid


def check_end(status: int, killed: bool, timeout_s: int) -> None:
    """Raise the error that the way in which a child ended stands for.

    Args:
        status: as `os.wait` gives it.
        killed: whether it was ended for its time.
        timeout_s: the time that it had.
    """
    if killed:
        raise ExtractionError(
            f"Reading this file took longer than {timeout_s} seconds. If that happens again, split "
            "it and upload the parts.",
            code="timeout",
            may_pass=True,
        )
    if not os.WIFSIGNALED(status):
        return
    ended_by = os.WTERMSIG(status)
    if ended_by in (signal.SIGXCPU, signal.SIGKILL):  # the soft and hard limits are one
        raise ExtractionError(
            "Reading this file takes too much computing. Save it in a simpler form, or split it, "
            "and upload it again.",
            code="too_complex",
        )
    log.warning("extraction child ended by signal %d", ended_by)
    raise crashed()


def crashed() -> ExtractionError:
    """Return the error of a file that has broken its reader."""
    return ExtractionError(
        "This file made the reader stop: it is damaged, or needs more memory than is allowed. Open "
        "it in the program it was made with, save it again and upload the new file.",
        code="crashed",
    )
