"""Reads a file in a bounded child process, so that a hostile one costs that process and no more."""

import atexit
import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from django.conf import settings

from documents.exceptions import DocumentFailure
from documents.extraction import wire
from documents.extraction.base import ExtractedDocument, Limits
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


class _ZygoteGone(Exception):
    """The zygote ended, and its children with it; a new one can be asked."""


class _Zygote:
    """A running zygote process and the socket to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # SECURITY: no variable of ours reaches the process that parses: keys and passwords are
        # among them. -I also keeps the current folder and PYTHON* out of it.
        with theirs:
            self._process = subprocess.Popen(
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


class _Runner:
    """One zygote for all threads of this process, started at first use and again if it dies."""

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


_runner = _Runner()
os.register_at_fork(after_in_child=_runner.after_fork)
atexit.register(_runner.close)


def extract_file(path: Path, *, extension: str) -> ExtractedDocument:
    """Return the text of a file; may be called by several threads at once.

    Args:
        path: the file.
        extension: as `detect_type` gave it.

    Raises:
        DocumentFailure: it gives no text, for the reason that the message states.
    """
    limits = Limits(settings.MAX_PAGES, settings.MAX_DOCUMENT_CHARACTERS)
    for _ in range(_ATTEMPTS):
        zygote = None
        try:
            zygote = _runner.get()
            answer = _ask(zygote, path, extension, limits)
            return wire.decode(answer, limits)
        except _ZygoteGone:
            log.warning("extraction process ended, starting another")
            if zygote is not None:
                _runner.discard(zygote)
        except ExtractionError as error:
            for cause in getattr(error, "__notes__", ()):
                log.warning("extraction failed: %s", cause)
            raise _failure(error) from None
        except wire.WireError as error:
            log.warning("extraction child gave a malformed answer: %s", error)
            raise _failure(_crashed()) from None
    raise DocumentFailure(
        "The part that reads files could not be started. It is tried again by itself.",
        code="reader_unavailable",
        may_pass=True,
    )


def _failure(error: ExtractionError) -> DocumentFailure:
    return DocumentFailure(error.message, code=error.code, may_pass=error.may_pass)


def _ask(zygote: _Zygote, path: Path, extension: str, limits: Limits) -> bytes:
    """Have a child read the file, and return what it says."""
    timeout_s = settings.EXTRACTION_TIMEOUT_S
    request = {
        "extension": extension,
        "timeout_s": timeout_s,
        "cpu_s": max(1, int(timeout_s * _CPU_SHARE)),
        "memory_bytes": settings.EXTRACTION_MEMORY_BYTES,
        "pages": limits.pages,
        "characters": limits.characters,
    }
    answer_read, answer_write = os.pipe()
    status_read, status_write = os.pipe()
    try:
        try:
            with path.open("rb") as file:
                handed = [file.fileno(), answer_write, status_write]
                zygote.send(json.dumps(request).encode(), handed)
        finally:
            os.close(answer_write)
            os.close(status_write)
        deadline = time.monotonic() + timeout_s + _GRACE_S
        data = _read(answer_read, deadline, wire.LENGTH.size + wire.longest_answer(limits))
        status = _read(status_read, deadline, STATUS.size)
    finally:
        os.close(answer_read)
        os.close(status_read)
    if len(status) < STATUS.size:
        raise _ZygoteGone
    _check_end(*STATUS.unpack(status))
    if len(data) < wire.LENGTH.size or wire.LENGTH.unpack_from(data)[0] != len(data) - 8:
        raise wire.WireError("length")
    return data[wire.LENGTH.size :]


def _read(descriptor: int, deadline: float, most: int) -> bytes:
    """Read until the other side closes.

    Raises:
        _ZygoteGone: nobody has answered in time.
        WireError: more than an honest child says.
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
            raise wire.WireError("too long")


def _check_end(status: int, killed: int) -> None:
    """Raise the error that the way in which the child ended stands for."""
    if killed:
        raise ExtractionError(
            f"Reading this file took longer than {settings.EXTRACTION_TIMEOUT_S} seconds. If that "
            "happens again, split it and upload the parts.",
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
    raise _crashed()


def _crashed() -> ExtractionError:
    return ExtractionError(
        "This file made the reader stop: it is damaged, or needs more memory than is allowed. Open "
        "it in the program it was made with, save it again and upload the new file.",
        code="crashed",
    )
