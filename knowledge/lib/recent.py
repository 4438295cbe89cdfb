"""The latest slow requests and errors, of every process of this machine, in one small file.

A file rather than the memory of a process: a command sees what the web server met, and a restart
loses nothing. Rather than a table: it works while the database does not.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from logging import getLogger
from pathlib import Path

from django.conf import settings

logger = getLogger("knowledge.recent")

# The file and the one before it, each of so many bytes: some thousand events.
_MOST_BYTES = 128 * 1024
_LONGEST = 512


@dataclass(frozen=True)
class Event:
    """A request that was slow or failed.

    Attributes:
        at: seconds since 1970.
        route: as the URLconf writes it. SECURITY: never a path or query, which hold ids and words.
        code: as scripts get it, or the kind of the exception; empty for one that was only slow.
        ms: how long it took.
    """

    at: float
    request_id: str
    method: str
    route: str
    status: int
    code: str
    ms: float

    @property
    def is_error(self) -> bool:
        """Whether it failed through a fault here."""
        return self.status >= 500


def note(event: Event) -> None:
    """Add an event; a file that cannot be written is no reason for a request to fail."""
    line = (json.dumps(asdict(event), ensure_ascii=True) + "\n").encode()
    if len(line) > _LONGEST:
        return
    path = _path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            is_current = _is_at(path, file.fileno())
            os.write(file.fileno(), line)
            if is_current and os.fstat(file.fileno()).st_size > _MOST_BYTES:
                path.replace(path.with_suffix(".old"))
    except OSError as error:
        logger.warning("event not kept", extra={"error": type(error).__name__})


def events(*, since: float) -> list[Event]:
    """Return what was noted after that moment (seconds since 1970), the latest first."""
    found = [event for event in _read() if event.at >= since]
    return sorted(found, key=lambda event: -event.at)


def slow(found: list[Event]) -> list[Event]:
    """Return those of them that were slow, the slowest first."""
    limit = settings.SLOW_REQUEST_MS
    return sorted((event for event in found if event.ms >= limit), key=lambda event: -event.ms)


def day_ago() -> float:
    """Return the moment 24 hours ago."""
    return time.time() - 24 * 3600


def _read() -> Iterator[Event]:
    path = _path()
    for file in (path.with_suffix(".old"), path):
        with contextlib.suppress(OSError):
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                # A line that a crash cut off says nothing.
                with contextlib.suppress(ValueError, TypeError):
                    yield Event(**json.loads(line))


def _is_at(path: Path, descriptor: int) -> bool:
    """Tell whether another process has not put the file aside meanwhile."""
    with contextlib.suppress(OSError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


def _path() -> Path:
    return Path(settings.DIAGNOSTICS_DIR) / "requests.jsonl"
