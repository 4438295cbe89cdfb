"""SQLite connections that are handed on from request to request.

Under ASGI each request runs in a thread of its own, and Django opens a connection a thread. A new
SQLite connection reads the schema and fills its page cache anew, which costs a search more than the
search itself; kept open, connections pile up until they are collected as garbage. Here, closing
returns a connection to a small pool and opening takes one from it; one thread has it at a time.
"""

import os
import threading
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base

# Idle connections that are kept; more are opened when more requests run at once, and then closed.
MOST_IDLE = 8


class DatabaseWrapper(base.DatabaseWrapper):
    """Opens from the pool and closes into it."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.is_in_memory_db():
            return super().get_new_connection(conn_params)
        idle = _pool.take(_identity(conn_params["database"]))
        return idle if idle is not None else super().get_new_connection(conn_params)

    def _close(self) -> None:
        if not self._is_clean() or not _pool.give(_identity(self._path), self.connection):
            super()._close()  # type: ignore[misc]

    @property
    def _path(self) -> str:
        return str(self.settings_dict["NAME"])

    def _is_clean(self) -> bool:
        """Tell whether another request may have it: not inside a transaction or after an error."""
        return (
            self.connection is not None
            and not self.connection.in_transaction
            and not self.errors_occurred
            and not self.is_in_memory_db()
        )


Identity = tuple[str, int, int] | None


class _Pool:
    """Idle connections by the file that they have open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Identity, list[Any]] = {}
        self._inherited: list[Any] = []

    def take(self, identity: Identity) -> Any:
        with self._lock:
            idle = self._idle.get(identity)
            return idle.pop() if identity is not None and idle else None

    def give(self, identity: Identity, connection: Any) -> bool:
        """Keep the connection; False when it should be closed instead."""
        with self._lock:
            idle = self._idle.setdefault(identity, [])
            if identity is None or len(idle) >= MOST_IDLE:
                return False
            idle.append(connection)
            return True

    def leave_to_parent(self) -> None:
        """After a fork: SQLite allows a child neither to use nor to close what it inherited."""
        self._inherited += [c for idle in self._idle.values() for c in idle]
        self._idle = {}
        self._lock = threading.Lock()


def _identity(path: Any) -> Identity:
    """Return what tells one file from another of the same name; None when there is no file."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return str(path), status.st_dev, status.st_ino


_pool = _Pool()
os.register_at_fork(after_in_child=_pool.leave_to_parent)
