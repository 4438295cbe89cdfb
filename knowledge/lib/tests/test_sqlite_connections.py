import sqlite3
import threading

import pytest

from knowledge.lib.sqlite import base
from knowledge.lib.sqlite.base import DatabaseWrapper


@pytest.fixture
def pool(monkeypatch):
    pool = base._Pool()
    monkeypatch.setattr(base, "_pool", pool)
    return pool


@pytest.fixture
def wrapper(tmp_path, pool, django_db_blocker):
    def make(name: str = "a.sqlite3") -> DatabaseWrapper:
        made = DatabaseWrapper(
            {
                "NAME": str(tmp_path / name),
                "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL;"},
                "ATOMIC_REQUESTS": False,
                "AUTOCOMMIT": True,
                "CONN_MAX_AGE": 0,
                "CONN_HEALTH_CHECKS": False,
                "TIME_ZONE": None,
                "TEST": {"NAME": None},
            },
            alias="pooled",
        )
        made.connect()
        return made

    with django_db_blocker.unblock():
        yield make


def test_a_closed_connection_serves_the_next_request(wrapper):
    first = wrapper()
    raw = first.connection
    first.close()
    assert wrapper().connection is raw


def test_two_at_once_never_share_one(wrapper):
    assert wrapper().connection is not wrapper().connection


def test_a_connection_in_a_transaction_is_really_closed(wrapper):
    first = wrapper()
    raw = first.connection
    raw.execute("CREATE TABLE t (x)")
    raw.execute("BEGIN IMMEDIATE")
    raw.execute("INSERT INTO t VALUES (1)")
    first.close()
    with pytest.raises(sqlite3.ProgrammingError):
        raw.execute("SELECT 1")
    assert wrapper().connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_after_an_error_it_is_really_closed(wrapper):
    first = wrapper()
    raw = first.connection
    first.errors_occurred = True
    first.close()
    assert wrapper().connection is not raw


def test_a_new_file_of_the_same_name_gets_new_connections(wrapper, tmp_path):
    first = wrapper()
    first.close()
    (tmp_path / "a.sqlite3").rename(tmp_path / "old.sqlite3")
    assert wrapper().connection is not first.connection


def test_no_more_than_some_are_kept(wrapper, pool):
    made = [wrapper() for _ in range(base.MOST_IDLE + 3)]
    for each in made:
        each.close()
    assert sum(len(idle) for idle in pool._idle.values()) == base.MOST_IDLE


def test_a_connection_moves_between_threads(wrapper):
    wrapper().close()
    rows = []

    def read() -> None:
        each = wrapper()
        rows.append(each.connection.execute("SELECT 1").fetchone())
        each.close()

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert rows == [(1,)]


def test_a_forked_process_neither_uses_nor_closes_what_it_inherited(wrapper, pool):
    first = wrapper()
    raw = first.connection
    first.close()
    pool.leave_to_parent()
    assert wrapper().connection is not raw
    assert raw.execute("SELECT 1").fetchone() == (1,)
