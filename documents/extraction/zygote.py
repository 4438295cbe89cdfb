"""The process that forks a bounded child for each file: it holds the parsers ready.

It is started with `python -c`, imports neither Django nor the settings, has no secret in its
environment, and ends when the socket to its parent closes. A fork of this small process costs a
millisecond or two; a fresh interpreter with its parsers would cost some hundred.
"""

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from documents.extraction import wire
from documents.extraction.base import Limits
from documents.extraction.errors import (
    ExtractionError,
    too_deep,
    too_much_memory,
    unreadable,
)
from documents.extraction.programs import become_program
from documents.extraction.registry import FORMATS, load_extractor
from documents.extraction.sandbox import die_with_parent, leave_network, limit_resources

READY = b"ready"
STATUS = struct.Struct(">iB")  # wait status, whether it was killed for its time
MOST_REQUEST_BYTES = 4096
_FILE, _ANSWER = 3, 4  # descriptors in the child
_PATH = Path(f"/dev/fd/{_FILE}")
_REHEARSAL = b"""# Travel

Trains are booked a week ahead, by the office in Ghent; what is booked later than that costs more,
and needs the word of a manager before it is paid. (Since 1 March 2026.)

- A hotel may cost 120 euros a night.
- Meals are paid as they come.

| Level | Days |
|-------|------|
| L1    | 25   |
"""


@dataclass(frozen=True)
class Job:
    """A child at work.

    Attributes:
        status: descriptor to which it is told how the child ended.
        deadline: when it is ended, on the monotonic clock.
    """

    status: int
    deadline: float


def main(control_descriptor: int) -> None:
    """Serve requests until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    for format in FORMATS:
        if format.extractor:
            load_extractor(format.extensions[0]).warm_up()
    _page_images().warm_up()
    _rehearse()
    leave_network()
    # Anything on standard error up to here is a fault of the installation; afterwards it would be
    # the parsers' complaints about files.
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    gc.collect()
    gc.freeze()  # so that a child's collector does not touch, and so copy, these pages
    control = socket.socket(fileno=control_descriptor)
    control.send(READY)
    _Server(control).serve()


def _rehearse() -> None:
    """Read a small text as a child does: nearly all small files are of these formats.

    What Python keeps when code runs for the first time (its caches, and what it notes in the code
    itself) is then there; otherwise each child has these pages copied, which takes it longer than
    to read the text.
    """
    limits = Limits(pages=10, characters=100_000, attachments=0, attachment_bytes=0)
    with TemporaryFile() as file:
        file.write(_REHEARSAL)
        for extension in ("txt", "md", "html"):
            file.seek(0)
            read = load_extractor(extension).extract(Path(f"/dev/fd/{file.fileno()}"), limits)
            wire.encode_document(read)


class _Server:
    """Forks children, ends those that take too long, and tells how each ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._jobs: dict[int, Job] = {}
        self._killed: set[int] = set()

    def serve(self) -> None:
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(wake_read, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(self._seconds_to_deadline()):
                    if key.fileobj is self._control:
                        if not self._accept():
                            self._end()
                    else:
                        with contextlib.suppress(BlockingIOError):
                            os.read(wake_read, 4096)
                self._kill_late()
                self._reap()

    def _accept(self) -> bool:
        """Take one request; False when the parent is gone."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, MOST_REQUEST_BYTES, 3)
        except OSError:
            return False
        if not message:
            return False
        file, answer, status = descriptors
        request = json.loads(message)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                _become_child(file, answer, parent)
                _run(request)
            finally:
                os._exit(70)
        os.close(file)
        os.close(answer)
        self._jobs[pid] = Job(status, time.monotonic() + request["timeout_s"])
        return True

    def _seconds_to_deadline(self) -> float | None:
        deadlines = [job.deadline for pid, job in self._jobs.items() if pid not in self._killed]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _kill_late(self) -> None:
        now = time.monotonic()
        for pid, job in self._jobs.items():
            if job.deadline <= now and pid not in self._killed:
                self._killed.add(pid)
                _kill(pid)  # not reaped yet, so the number is still its own

    def _reap(self) -> None:
        while self._jobs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            job = self._jobs.pop(pid)
            _kill_group(pid)  # what a program has started and left behind
            with contextlib.suppress(OSError):
                os.write(job.status, STATUS.pack(status, pid in self._killed))
            os.close(job.status)
            self._killed.discard(pid)

    def _end(self) -> None:
        for pid in self._jobs:
            _kill(pid)
        os._exit(0)


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    _kill_group(child)


def _kill_group(child: int) -> None:
    """End the processes of a child that leads a group; others have none of this number."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


def _become_child(file: int, answer: int, parent: int) -> None:
    """Keep two descriptors and nothing else of the parent's."""
    die_with_parent(parent)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    file, answer = os.dup(file), os.dup(answer)  # out of the way of the two numbers
    os.dup2(file, _FILE)
    os.dup2(answer, _ANSWER)
    os.closerange(_ANSWER + 1, 65_536)


def _run(request: dict[str, Any]) -> None:
    """Do what is asked, answer, and end."""
    memory_bytes, cpu_s = int(request["memory_bytes"]), int(request["cpu_s"])
    if request["do"] == "run":
        limit_resources(
            memory_bytes=memory_bytes,
            cpu_s=cpu_s,
            written_bytes=int(request["written_bytes"]),
            processes=bool(request["processes"]),
        )
        become_program(request["arguments"], request["folder"], source=_FILE, answer=_ANSWER)
    limit_resources(memory_bytes=memory_bytes, cpu_s=cpu_s)
    answer = _answer(request)
    with open(_ANSWER, "wb", closefd=False) as pipe:
        pipe.write(answer)
    os._exit(0)


def _answer(request: dict[str, Any]) -> bytes:
    try:
        return JOBS[request["do"]](_PATH, request)
    except ExtractionError as error:
        return wire.encode_error(error)
    except MemoryError:
        pass  # what the parser holds is let go before the answer is built
    except RecursionError:
        return wire.encode_error(too_deep("file"))
    except Exception as error:  # the child's edge: a fault of ours, or of a parser
        return wire.encode_error(unreadable(), cause=_place_of(error))
    return wire.encode_error(too_much_memory())


def _extract(path: Path, request: dict[str, Any]) -> bytes:
    """Answer with the text of a file."""
    limits = Limits(
        pages=int(request["pages"]),
        characters=int(request["characters"]),
        attachments=int(request["attachments"]),
        attachment_bytes=int(request["attachment_bytes"]),
    )
    return wire.encode_document(load_extractor(str(request["extension"])).extract(path, limits))


def _picture(path: Path, request: dict[str, Any]) -> bytes:
    """Answer with the picture of a page, to recognize text in."""
    extractor = load_extractor(str(request["extension"]))
    return wire.encode_picture(extractor.picture(path, int(request["page"])))


def _page_image(path: Path, request: dict[str, Any]) -> bytes:
    """Answer with what a reader of the page is shown."""
    answer: bytes = _page_images().answer(path, request)
    return answer


def _page_images() -> Any:
    """Return the module that draws pages, which imports parsers: not for the parent."""
    return import_module("documents.extraction.page_images")


def _place_of(error: Exception) -> str:
    """Return what happened where, without the message, which may quote the document."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"


JOBS: dict[str, Callable[[Path, dict[str, Any]], bytes]] = {
    "extract": _extract,
    "picture": _picture,
    "measure_page": _page_image,
    "render_page": _page_image,
}


if __name__ == "__main__":
    main(int(sys.argv[1]))
