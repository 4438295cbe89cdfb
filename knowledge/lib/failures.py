"""Failures of database and disk that people and scripts can understand: busy, full, away."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from logging import getLogger

from django.db import DatabaseError, InterfaceError, OperationalError

from knowledge.lib.errors import AppError, Busy, StorageFull, Unavailable

logger = getLogger("knowledge.failures")

_AWAY = "The database cannot be reached just now. Try again in a minute."

# The low byte of SQLite's extended codes.
_SQLITE_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_AWAY = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY})
# PostgreSQL: lock and statement time-outs, deadlock, serialization, too many connections.
_POSTGRES_BUSY = frozenset({"55P03", "57014", "40P01", "40001", "53300"})
_POSTGRES_FULL = frozenset({"53100"})
_POSTGRES_AWAY = ("08", "57P")  # connection lost, server shutting down
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def explain(error: BaseException) -> AppError | None:
    """Return what to answer instead of "something went wrong"; None for what nobody foresaw.

    It is logged here, for the answer no longer holds it.
    """
    answer = _explain_database(error) if isinstance(error, DatabaseError | InterfaceError) else None
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        answer = StorageFull()
    if answer is not None:
        # Not its text: a database may quote the statement, and with it what somebody wrote.
        fields = {"code": answer.code, "error": type(error).__name__}
        logger.error("request_refused", extra=fields)
    return answer


@contextmanager
def translated() -> Iterator[None]:
    """Raise the AppError that says what a failure inside the block means, where one does."""
    try:
        yield
    except (DatabaseError, InterfaceError, OSError) as error:
        answer = explain(error)
        if answer is None:
            raise
        raise answer from error


def is_busy(error: BaseException) -> bool:
    """Tell whether the database was only locked, so that trying again later helps."""
    return isinstance(error, OperationalError) and isinstance(_explain_database(error), Busy)


def _explain_database(error: BaseException) -> AppError | None:
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return _explain_sqlite(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if state is not None:
        return _explain_postgres(state)
    # A connection that was refused or lost has no state.
    is_postgres = type(cause).__module__.startswith("psycopg")
    return _away() if is_postgres and isinstance(error, OperationalError | InterfaceError) else None


def _explain_sqlite(code: int) -> AppError | None:
    if code in _SQLITE_BUSY:
        return Busy()
    if code == sqlite3.SQLITE_FULL:
        return StorageFull()
    return _away() if code in _SQLITE_AWAY else None


def _explain_postgres(state: str) -> AppError | None:
    if state in _POSTGRES_BUSY:
        return Busy()
    if state in _POSTGRES_FULL:
        return StorageFull()
    return _away() if state.startswith(_POSTGRES_AWAY) else None


def _away() -> AppError:
    answer = Unavailable(_AWAY)
    answer.retry_after_s = 30
    return answer
