"""Every way to a document's text: each shows it, and none does once it is deleted or unshared."""

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django_q.models import OrmQ

from accounts.models import User
from documents.models import Document
from documents.services import delete_documents, share_document, upload_document
from documents.uploads import open_batch
from knowledge.tests.urlconf import routes
from rag.ingestion import ingest_waiting
from rag.models import Message
from rag.services.turns import run_turn, start_turn

# Streams, ingestion and readers have connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "# Quokka rules\n\nAnnual leave is forty quaggas for every employee.\n"
QUESTION = "How much is annual leave for every employee?"
MARKS = ("Quokka", "quaggas", "wombat.md")  # its title, its text, its name

# What a colleague with whom it is shared can see it by, and what the administrator can besides.
SHOWN = """
GET /api/conversations/{conversation_id}
GET /api/documents
GET /api/documents/{document_id}
GET /api/documents/{document_id}/file
GET /api/documents/{document_id}/pages/1
GET /api/documents/{document_id}/versions
GET /api/documents/{document_id}/versions/{key}/file
GET /api/documents/{document_id}/pages/1?view=text&start=20&end=40
GET /api/documents?search=wombat
GET /chat/
GET /chat/?document={document_id}
GET /chat/answers/{message_id}/
GET /chat/answers/{message_id}/stream/
GET /chat/answers/{new}/stream/
GET /chat/{conversation_id}/
GET /documents/
GET /documents/?search=wombat
GET /documents/{document_id}
GET /documents/{document_id}/delete
GET /documents/{document_id}/file
GET /documents/{document_id}/versions/{key}/file
GET /documents/{document_id}/pages/1
GET /documents/{document_id}/pages/1?view=text&start=20&end=40
GET /documents/{document_id}/passages
GET /usage/
POST /api/chat
POST /api/chat stream
POST /api/retrieval
"""
SHOWN_TO_ADMIN = """
GET /documents/{document_id}/readers
GET /admin/accounts/auditevent/{key}/change/
GET /admin/documents/document/
GET /admin/documents/document/?q=wombat
GET /admin/documents/document/{document_id}/change/
GET /admin/documents/document/{document_id}/delete/
GET /admin/documents/document/{document_id}/history/
GET /admin/documents/documentchunk/
GET /admin/documents/documentchunk/?q=wombat
GET /admin/documents/documentchunk/{key}/change/
GET /admin/documents/page/
GET /admin/documents/page/?q=wombat
GET /admin/documents/page/{key}/change/
GET /admin/rag/chunkembedding/
GET /admin/rag/chunkembedding/?q=wombat
GET /admin/rag/chunkembedding/{key}/change/
GET /admin/rag/messagesource/
GET /admin/rag/messagesource/?q=wombat
GET /admin/rag/messagesource/{key}/change/
GET /api/audit
GET /api/audit/export
GET /audit/
GET /audit/export
GET /documents/uploads/{batch_id}
"""
# A colleague's conversation, which not even an administrator can read.
PERSONAL = """
GET /api/conversations/{conversation_id}
GET /chat/answers/{message_id}/
GET /chat/answers/{message_id}/stream/
GET /chat/{conversation_id}/
"""
# The trail of who did what names the files, also when they are gone; it holds nothing else of them.
AUDIT = """
GET /admin/accounts/auditevent/{key}/change/
GET /api/audit
GET /api/audit/export
GET /audit/
GET /audit/export
"""
# Where the database names a deleted file: in that trail.
NAMED_IN_DATABASE = {("accounts_auditevent", "details")}


@dataclass(frozen=True)
class Scene:
    """A shared document, and somebody's conversation about it."""

    document: Document
    answer: Message
    keys: dict[str, str]


@pytest.fixture
def scene(settings: Any, tmp_path: Any, owner: User, colleague: User, admin: User) -> Scene:
    settings.MEDIA_ROOT, settings.VECTOR_STORE_DIR = tmp_path / "media", tmp_path / "vectors"
    document = upload_document(
        owner=owner,
        file=io.BytesIO(TEXT.encode()),
        filename="wombat.md",
        visibility="organization",
    )
    batch = open_batch(owner=owner, name="wombat.md", visibility="organization")
    batch.files.create(number=1, path="wombat.md", size=1, state="taken", document=document)
    ingest_waiting()
    document.refresh_from_db()
    answers = [
        run_turn(user=person, message_id=start_turn(user=person, query=QUESTION).pk)
        for person in (admin, colleague)
    ]
    answer = answers[-1]
    assert "quaggas" in answer.content
    keys = {
        "document_id": str(document.pk),
        "message_id": str(answer.pk),
        "conversation_id": str(answer.conversation_id),
        "batch_id": str(batch.pk),
        "number": "1",
    }
    return Scene(document, answer, keys)


def deleted(scene: Scene, admin: User) -> None:
    delete_documents(documents=Document.objects.all(), actor=admin)


def unshared(scene: Scene, admin: User) -> None:
    share_document(document=scene.document, actor=admin, visibility="private")


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def addresses(scene: Scene) -> Iterator[str]:
    """Yield every address of the product that can be asked for, with the ids of the scene."""
    for route in routes():
        if "(?P<" in route.pattern:
            continue
        filled = re.sub(
            r"<(?:\w+:)?(\w+)>", lambda m: scene.keys.get(m[1], m[0]), "/" + route.pattern
        )
        for key in _keys_in_admin(filled) if "object_id" in filled else [""]:
            address = filled.replace("<path:object_id>", key)
            if "<" not in address and not address.endswith(("/stream/", "logout", "logout/")):
                yield from (address, *_with_search(address, scene))


def _keys_in_admin(pattern: str) -> list[str]:
    """Return the keys of the rows of the model whose admin page this is."""
    match = re.match(r"/admin/(\w+)/(\w+)/", pattern)
    if match is None:
        return []
    model = apps.get_model(match[1], match[2])
    return [str(key) for key in model._base_manager.values_list("pk", flat=True)[:20]]


def _with_search(address: str, scene: Scene) -> list[str]:
    if address in ("/documents/", "/api/documents", "/chat/conversations/", "/api/conversations"):
        return [f"{address}?search=wombat"]
    if address == "/chat/":
        return [f"{address}?document={scene.document.pk}"]
    if address == "/documents/status":
        return [f"{address}?id={scene.document.pk}"]
    if address.endswith("/pages/1"):
        return [f"{address}?view=text&start=20&end=40"]
    return [f"{address}?q=wombat"] if re.fullmatch(r"/admin/\w+/\w+/", address) else []


def asked_by_post(client: Client, scene: Scene) -> Iterator[tuple[str, str]]:
    """Yield what asking anew says: search, answer, streams, and a follow-up on the old answer."""

    def post(address: str, **data: Any) -> Any:
        return client.post(address, json.dumps(data), content_type="application/json")

    yield "POST /api/retrieval", body_of(post("/api/retrieval", query=QUESTION))
    yield "POST /api/chat", body_of(post("/api/chat", query=QUESTION))
    yield "POST /api/chat stream", body_of(post("/api/chat", query=QUESTION, stream=True))
    asked = client.post("/chat/ask/", {"query": QUESTION}, headers={"HX-Request": "true"})
    stream = re.search(r"/chat/answers/[0-9a-f-]+/stream/", asked.content.decode())
    assert stream is not None
    yield "POST /chat/ask/", body_of(asked)
    yield "GET /chat/answers/{new}/stream/", body_of(client.get(stream[0]))
    old = f"/chat/answers/{scene.answer.pk}/stream/"
    yield "GET /chat/answers/{message_id}/stream/", body_of(client.get(old))


def body_of(response: Any) -> str:
    if not response.streaming:
        return str(response.content.decode(errors="replace"))
    if not response.is_async:
        return b"".join(response.streaming_content).decode(errors="replace")

    async def read() -> bytes:
        return b"".join([block async for block in response])

    return asyncio.run(read()).decode(errors="replace")


def showing(user: User, scene: Scene, marks: tuple[str, ...] = MARKS) -> set[str]:
    """Return every address that shows the user any of the marks."""
    client = client_of(user)
    found = set()
    said = [(f"GET {address}", body_of(client.get(address))) for address in addresses(scene)]
    for address, text in [*said, *asked_by_post(client, scene)]:
        # What a search box holds is what was asked, and not found.
        if has(text.replace('value="wombat"', ""), marks):
            found.add(_without_keys(address, scene))
    return found


def _without_keys(address: str, scene: Scene) -> str:
    for name, key in scene.keys.items():
        if name != "number":
            address = address.replace(key, f"{{{name}}}")
    return re.sub(r"(?<=/)(\d+|[0-9a-f-]{36})(?=/)", "{key}", address)


def listed(table: str) -> set[str]:
    return {line.strip() for line in table.strip().splitlines() if line.strip()}


def test_these_are_all_the_ways_to_a_documents_text(scene, colleague, admin):
    """A new one fails here first, and then has to be shown to end."""
    assert showing(colleague, scene) == listed(SHOWN)
    assert showing(admin, scene) == (listed(SHOWN) | listed(SHOWN_TO_ADMIN)) - listed(PERSONAL)


@pytest.mark.parametrize("person", ["colleague", "owner", "teammate", "outsider"])
def test_none_shows_a_deleted_document_to_anybody(scene, admin, person, request):
    deleted(scene, admin)
    assert showing(request.getfixturevalue(person), scene) == set()


def test_to_an_administrator_the_trail_alone_names_it(scene, admin):
    deleted(scene, admin)
    assert showing(admin, scene) == listed(AUDIT)
    assert showing(admin, scene, marks=("Quokka", "quaggas")) == set()


@pytest.mark.parametrize("person", ["colleague", "teammate", "outsider", "outside_admin"])
def test_none_shows_a_document_to_whom_it_is_not_shared_any_more(scene, admin, person, request):
    unshared(scene, admin)
    assert showing(request.getfixturevalue(person), scene) == set()


def test_nothing_of_a_deleted_document_stays_in_the_database_or_the_storage(scene, admin, settings):
    deleted(scene, admin)
    assert stored_in_database(("Quokka", "quaggas"), scene) == set()
    assert stored_in_database(("wombat.md",), scene) == NAMED_IN_DATABASE
    assert [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()] == []


def stored_in_database(marks: tuple[str, ...], scene: Scene) -> set[tuple[str, str]]:
    """Return the tables and columns that hold any of the marks."""
    if connection.vendor != "sqlite":
        pytest.skip("the tables are listed as SQLite does")
    found = set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in cursor.fetchall():
            if table.startswith("rag_lexical_") and scene.document.organization_id.hex not in table:
                continue  # of another test: emptying the database leaves these tables
            cursor.execute(f'SELECT * FROM "{table}"')
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                held = [name for name, value in zip(columns, row, strict=True) if has(value, marks)]
                found |= {(table, name) for name in held}
    return found


def has(value: Any, marks: tuple[str, ...]) -> bool:
    return isinstance(value, str) and any(mark in value for mark in marks)


def test_the_terminal_answers_from_what_there_is_now(scene, admin, colleague):
    def asked() -> str:
        said = io.StringIO()
        call_command("ask", QUESTION, user=colleague.email, stdout=said)
        return said.getvalue()

    assert "quaggas" in asked()
    deleted(scene, admin)
    assert not [mark for mark in MARKS if mark in asked()]


def test_the_queue_holds_ids_alone(scene):
    tasks = [row.task for row in OrmQ.objects.all()]
    assert [task["args"] for task in tasks] == [(str(scene.document.pk),)]
    assert all(mark not in str(task) for task in tasks for mark in MARKS)


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """All that is logged, with the fields of each line."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(str(vars(record)))

    handler = Collect()
    logging.getLogger().addHandler(handler)
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.INFO)
    yield lines
    logging.getLogger().setLevel(level)
    logging.getLogger().removeHandler(handler)


def test_the_log_tells_nothing_of_it(log_lines, scene, admin, colleague):
    showing(colleague, scene)
    deleted(scene, admin)
    assert any("retrieval" in line for line in log_lines)
    assert [line for line in log_lines if "Quokka" in line or "quaggas" in line] == []
