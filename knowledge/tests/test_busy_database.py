"""A database that is locked or full answers 503 or 507, is logged, and has changed nothing."""

import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client, RequestFactory

from accounts.models import AuditEvent, User
from documents.models import Document, FileDeletion
from knowledge.lib import failures
from knowledge.lib.views import server_error
from rag.models import Conversation, Message
from rag.tests.api import client_of

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def locked_by_another_process() -> Iterator[None]:
    """Hold the database's write lock, and let ours give up at once."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout=1")
    try:
        with closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.rollback()
    finally:
        connection.close()


@contextmanager
def full() -> Iterator[None]:
    """Let the database not grow any more."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA max_page_count=1")  # it means: no more than there are
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA max_page_count=1073741823")


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def test_a_question_in_a_locked_database_is_answered_503_and_leaves_nothing(
    owner: User, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(owner)
    with locked_by_another_process():
        response = client.post("/api/chat", {"query": "Hello?"})
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    error = response.json()["error"]
    assert (error["code"], error["details"]) == ("busy", {"retry_after_s": 5})
    assert not Conversation.objects.exists()
    assert not Message.objects.exists()
    assert "request_refused" in caplog.messages


def test_an_upload_into_a_locked_database_leaves_neither_row_nor_file(
    owner: User, media: Path
) -> None:
    client = client_of(owner)
    file = io.BytesIO(b"text")
    file.name = "plan.txt"
    with locked_by_another_process():
        response = client.post("/api/documents", {"file": file}, format="multipart")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "busy")
    assert not Document.objects.exists()
    assert not FileDeletion.objects.exists()
    assert not [path for path in media.rglob("*") if path.is_file()]


def test_a_page_says_it_in_a_sentence_and_keeps_the_form(
    owner: User, page_as: Callable[[User], Client]
) -> None:
    client = page_as(owner)
    client.get("/chat/")
    with locked_by_another_process():
        fragment = client.post("/chat/ask/", {"query": "Hello?"}, headers={"HX-Request": "true"})
        page = client.post("/chat/ask/", {"query": "Hello?"})
    for response in (fragment, page):
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "5"
        assert "data-error-message>The system is busy" in response.content.decode()
    assert "<html" not in fragment.content.decode()
    assert "<html" in page.content.decode()
    assert not Message.objects.exists()


def test_a_locked_database_outside_of_a_view_is_told_too(owner: User) -> None:
    client = Client(raise_request_exception=False)
    with locked_by_another_process():
        # The session is written by a middleware, after the view.
        given = {"email": owner.email, "password": "correct-horse-battery"}
        response = client.post("/login", given)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"


def test_reading_goes_on_while_another_process_writes(
    owner: User, page_as: Callable[[User], Client]
) -> None:
    client = page_as(owner)
    with locked_by_another_process():
        assert client.get("/chat/").status_code == 200
        assert client_of(owner).get("/api/documents").status_code == 200
        assert client.get("/health/ready").status_code == 200


def test_a_full_database_is_a_507_and_changes_nothing(owner: User) -> None:
    client = client_of(owner)
    with full():
        response = client.post("/api/chat", {"query": "Why? " * 390})
        for _ in range(50):
            if response.status_code == 507:
                break
            response = client.post("/api/chat", {"query": "Why? " * 390})
    assert (response.status_code, response.json()["error"]["code"]) == (507, "storage_full")
    assert Message.objects.filter(role="user").count() == Message.objects.answers().count()


def test_a_deletion_in_a_locked_database_deletes_nothing(
    admin: User, owner: User, media: Path
) -> None:
    from documents.services import upload_document

    document = upload_document(owner=owner, file=io.BytesIO(b"text"), filename="plan.txt")
    with locked_by_another_process():
        response = client_of(admin).delete(f"/api/documents/{document.pk}")
    assert response.status_code == 503
    assert Document.objects.filter(pk=document.pk).exists()
    assert Path(document.file.path).exists()
    assert not AuditEvent.objects.filter(action="document.deleted").exists()


class FromPostgres(Exception):
    """An error of psycopg, as far as it is looked at."""

    def __init__(self, sqlstate: str | None) -> None:
        self.sqlstate = sqlstate


FromPostgres.__module__ = "psycopg.errors"


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("55P03", "busy"),  # lock_timeout
        ("57014", "busy"),  # statement_timeout
        ("40P01", "busy"),  # deadlock
        ("53300", "busy"),  # too many connections
        ("53100", "storage_full"),
        ("08006", "unavailable"),
        ("57P01", "unavailable"),  # the server shuts down
        (None, "unavailable"),  # the connection was refused
        ("42P01", None),  # a missing table is our mistake
    ],
)
def test_postgresql_says_the_same_in_its_own_codes(sqlstate: str | None, code: str | None) -> None:
    error = OperationalError("secret")
    error.__cause__ = FromPostgres(sqlstate)
    told = failures.explain(error)
    assert (told and told.code) == code
    assert failures.is_busy(error) == (code == "busy")
    if told is not None:
        assert "secret" not in told.message


def test_a_lost_connection_is_unavailable_and_our_own_mistakes_stay_errors() -> None:
    lost = InterfaceError("the connection is closed")
    lost.__cause__ = FromPostgres(None)
    told = failures.explain(lost)
    assert told is not None
    assert (told.code, told.retry_after_s) == ("unavailable", 30)
    with pytest.raises(OperationalError) as missing, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM no_such_table")
    assert failures.explain(missing.value) is None
    assert failures.explain(KeyError("x")) is None
    assert failures.explain(OSError(13, "Permission denied")) is None


def test_the_error_page_needs_no_database() -> None:
    request = RequestFactory().get("/documents/")
    try:
        error = OperationalError("away")
        error.__cause__ = FromPostgres("08006")
        raise error
    except OperationalError:
        response = server_error(request)
    assert response.status_code == 503
    assert "cannot be reached just now" in response.content.decode()
