"""What must be true after any crash: one function an invariant, which yields what breaks it."""

import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import connection
from django.db.models import F, Max
from django.test import Client

from accounts.models import Organization, User
from documents.chunking import Chunk, chunk_pages
from documents.extraction.base import ExtractedDocument, Limits
from documents.extraction.registry import load_extractor
from documents.models import Document, DocumentChunk, DocumentVersion, FileDeletion, Page
from knowledge.tests.crash.expected import (
    COMMON_WORD,
    FIRST_MODEL,
    PEOPLE,
    Expected,
    Note,
    needle_of,
)
from rag.chunk_vectors import chunk_text
from rag.embedding.registry import get_embedder
from rag.embedding.texts import embedding_text
from rag.index.registry import get_lexical_index, get_vector_index
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.models import ChunkEmbedding, IndexChange, Message, MessageSource, UsageRecord
from rag.retrieval import retrieve
from rag.services.index import check_index
from rag.services.sources import WITHHELD, answer_text, message_sources

Invariant = Callable[[Expected], Iterator[str]]
_EVERYTHING = 100_000  # hits; more than there are chunks
_NEWEST = 4


def broken(invariants: Sequence[Invariant], expected: Expected) -> list[str]:
    """Return every breach, each with the name of its invariant."""
    found = []
    for invariant in invariants:
        try:
            found += [f"{invariant.__name__}: {breach}" for breach in invariant(expected)]
        except Exception:  # a check that cannot be made is a breach too
            found.append(f"{invariant.__name__}: {traceback.format_exc()}")
    return found


# --- rows and files -------------------------------------------------------------------------------
def every_accepted_upload_is_there_once(expected: Expected) -> Iterator[str]:
    """Each accepted and undeleted upload has one row, and nothing else has any."""
    names = sorted(Document.objects.without_drafts().values_list("filename", flat=True))
    yield from _compare("rows", names, sorted(expected.notes))


def every_file_is_as_it_was_sent(expected: Expected) -> Iterator[str]:
    """Each file is byte for byte what was uploaded, and is what its row says."""
    for document in Document.objects.without_drafts():
        note = expected.notes.get(document.filename)
        if note is None:
            continue  # told by the invariant above
        content = Path(document.file.path).read_bytes()
        if content != note.content:
            yield f"{document.filename} has {len(content)} bytes, not what was sent"
        if (document.size, document.sha256) != (len(note.content), note.sha256):
            yield f"{document.filename} has another size or digest in its row"


def every_document_is_settled(expected: Expected) -> Iterator[str]:
    """Each document is completed, or failed for a reason that counts; nobody holds a lease."""
    for document in Document.objects.all():
        name, status = document.filename, document.status
        allowed = {"completed"} | ({"failed"} if name in expected.given_up else set())
        if status not in allowed:
            yield f"{name} is {status} after {document.attempts} attempts"
        if status == "failed" and not document.error_message:
            yield f"{name} failed without a reason"
        if document.lease_token or document.lease_expires_at or document.next_attempt_at:
            yield f"{name} is {status} and has a lease or a next attempt"
        if document.attempts > settings.INGEST_MAX_ATTEMPTS:
            yield f"{name} was tried {document.attempts} times"


def every_completed_document_is_whole(expected: Expected) -> Iterator[str]:
    """Pages, chunks, vectors and words of a document are those of its text, each exactly once."""
    for document in Document.objects.without_drafts():
        note = expected.notes.get(document.filename)
        if note is None:
            continue
        pages: list[object] = []
        chunks: list[Chunk] = []
        if document.status == "completed":
            extracted, chunks = _read(note)
            pages = [(page.number, page.text) for page in extracted.pages]
        stored = list(document.pages.values_list("number", "text"))
        yield from _compare(f"pages of {note.name}", stored, pages)
        yield from _compare(f"chunks of {note.name}", _chunks(document), _spans(chunks))
        yield from _vectors_are_right(document, chunks)
        yield from _words_are_right(document)
        counts = (document.page_count, document.chunk_count)
        yield from _compare(f"counts of {note.name}", counts, (len(pages), len(chunks)))


def _vectors_are_right(document: Document, chunks: Sequence[Chunk]) -> Iterator[str]:
    model = get_state(document.organization_id).model
    embedder = get_embedder(model)
    texts = [embedding_text(embedder, chunk_text(document, chunk)) for chunk in chunks]
    wanted = embedder.embed_passages(texts)
    rows = ChunkEmbedding.objects.filter(document=document, model=model)
    stored = list(rows.order_by("chunk__chunk_index").values_list("chunk__chunk_index", "vector"))
    what = f"vectors of {document.filename}"
    yield from _compare(what, [row[0] for row in stored], [chunk.index for chunk in chunks])
    for (index, vector), right in zip(stored, wanted, strict=False):
        if not np.allclose(np.frombuffer(vector, "<f4"), right, atol=1e-6):
            yield f"{what}: chunk {index} has another's vector"


def _words_are_right(document: Document) -> Iterator[str]:
    chunks = document.chunks.order_by("pk")
    wanted = [(chunk.pk, document.display_title, chunk.heading, chunk.text) for chunk in chunks]
    stored = [row[1:] for row in _words(document.organization_id) if row[0] == document.pk.hex]
    yield from _compare(f"words of {document.filename}", stored, wanted)


def nothing_is_left_of_what_is_gone(expected: Expected) -> Iterator[str]:
    """No page, chunk, vector, word or source belongs to a document that is not there."""
    alive = set(Document.objects.values_list("pk", flat=True))
    for model in (Page, DocumentChunk, ChunkEmbedding):
        owners = set(model.objects.values_list("document_id", flat=True))
        yield from _compare(f"{model.__name__} without a document", owners - alive, set())
    of_nothing = ChunkEmbedding.objects.exclude(chunk__document_id=F("document_id"))
    yield from _compare("vectors of another document's chunk", list(of_nothing), [])
    sources = MessageSource.objects.exclude(document=None, chunk=None)
    half = sources.filter(document=None) | sources.filter(
        chunk=None,
        # A passage goes with the version that it was of.
        version__gte=F("document__version"),
    )
    yield from _compare("sources without their chunk", list(half), [])
    for organization in Organization.objects.all():
        own = {key.hex for key in organization.documents.values_list("pk", flat=True)}
        extra = {row[0] for row in _words(organization.pk)} - own
        yield from _compare("words without a document", extra, set())


def the_database_is_sound(expected: Expected) -> Iterator[str]:
    """SQLite finds no damage and no reference to a row that is not there."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        yield from _compare("integrity", cursor.fetchall(), [("ok",)])
        cursor.execute("PRAGMA foreign_key_check")
        yield from _compare("references", cursor.fetchall(), [])


def every_file_has_a_row(expected: Expected) -> Iterator[str]:
    """Files and rows name each other, and the journal of files has come to its end."""
    media = Path(settings.MEDIA_ROOT)
    files = sorted(str(path.relative_to(media)) for path in media.rglob("*") if path.is_file())
    in_force = Document.objects.values_list("file", flat=True)
    rows = sorted([*in_force, *DocumentVersion.objects.values_list("file", flat=True)])
    yield from _compare("files", files, rows)
    yield from _compare("journal", list(FileDeletion.objects.values_list("path", flat=True)), [])


def no_picture_is_left_of_what_is_gone(expected: Expected) -> Iterator[str]:
    """No picture of a page is kept of a document that is not there."""
    kept = {path.name for path in Path(settings.PAGE_CACHE_DIR).iterdir()}
    rows = {str(key) for key in Document.objects.values_list("pk", flat=True)}
    yield from _compare("pictures without a document", sorted(kept - rows), [])


def no_upload_is_left_half_received(expected: Expected) -> Iterator[str]:
    """Nothing is left where the server receives files."""
    left = [path.name for path in Path(tempfile.gettempdir()).iterdir()]
    yield from _compare("temporary files", left, [])


# --- the index ------------------------------------------------------------------------------------
def changes_of_the_model_are_finished(expected: Expected) -> Iterator[str]:
    """Each change of the embedding model was taken up again until it had switched, once."""
    for organization in Organization.objects.all():
        wanted = expected.models.get(organization.name, [])
        changes = organization.model_changes.order_by("pk").values_list("model", "status")
        yield from _compare("changes", list(changes), [(model, "switched") for model in wanted])
        in_use = get_state(organization.pk).model
        yield from _compare("model in use", in_use, [FIRST_MODEL, *wanted][-1])


def versions_count_each_change_once(expected: Expected) -> Iterator[str]:
    """The version is the last change's; nothing was published twice or deleted twice."""
    ids = {str(key): name for key, name in Document.objects.values_list("pk", "filename")}
    gone = {key: name for name, key in expected.deleted.items()}
    for organization in Organization.objects.all():
        changes = IndexChange.objects.filter(organization=organization)
        last = changes.aggregate(last=Max("version"))["last"] or 0
        yield from _compare("version", get_state(organization.pk).version, last)
        numbers = list(changes.order_by("version").values_list("version", flat=True))
        yield from _compare("versions", numbers, list(range(1, last + 1)))
        if organization.name in expected.models:
            continue  # a change of the model announces the documents that got new vectors
        for key, times in Counter(map(str, changes.values_list("document_id", flat=True))).items():
            most = 1 if key in ids else 2  # a publication, and perhaps a delete
            most += expected.versions[ids.get(key) or gone.get(key, "")]
            if times > most:
                yield f"{ids.get(key) or gone.get(key)} changed the index {times} times"


def the_index_is_healthy(expected: Expected) -> Iterator[str]:
    """This process's copy, the words and the rows hold the same chunks, at the same version."""
    for organization in Organization.objects.all():
        report = check_index(organization=organization, thorough=True)
        if not report.is_consistent:
            yield f"{organization.name}: {report.findings}"
        assert report.figures is not None
        assert report.figures.vector is not None
        in_memory = report.figures.vector.in_memory_version
        yield from _compare("version in memory", in_memory, report.figures.version)


def everybody_finds_exactly_what_they_may(expected: Expected) -> Iterator[str]:
    """An exhaustive search by vector or by word returns each visible chunk once, and no other."""
    for email in sorted(PEOPLE):
        user = User.objects.select_related("organization").get(email=email)
        state = get_state(user.organization_id)
        wanted = sorted(
            (note.name, chunk.index)
            for note in expected.visible_to(email).values()
            if _is_completed(note)
            for chunk in _read(note)[1]
        )
        scope = Scope(Document.objects.visible_to(user))
        vector = get_embedder(state.model).embed_query(COMMON_WORD)
        by_vector = get_vector_index().search(vector, k=_EVERYTHING, state=state, within=scope)
        by_word = get_lexical_index().search(COMMON_WORD, k=_EVERYTHING, state=state, within=scope)
        for way, hits in (("vector", by_vector), ("word", by_word)):
            found = _places([hit.chunk_id for hit in hits])
            yield from _compare(f"found by {way} for {email}", found, wanted)


def everybody_retrieves_exactly_what_they_may(expected: Expected) -> Iterator[str]:
    """A question for a note brings its passages to those who may read it, and to nobody else.

    Asked for what is deleted and for what came last; the rest is found by the search above.
    """
    asked = sorted([*expected.deleted, *list(expected.notes)[-_NEWEST:]])
    for email in sorted(PEOPLE):
        user = User.objects.select_related("organization").get(email=email)
        visible = {name for name, note in expected.visible_to(email).items() if _is_completed(note)}
        for name in asked:
            query = f"{COMMON_WORD} {needle_of(name)}"
            found = {p.filename for p in retrieve(user=user, query=query, top_k=50).passages}
            if not found <= visible or (name in visible) != (name in found):
                yield f"{email} asked for {name} and found {found} of {visible}"


def deleted_documents_are_found_by_nothing(expected: Expected) -> Iterator[str]:
    """No page, file or passage of a deleted document is given to anybody, its owner included."""
    for email in sorted(PEOPLE) if expected.deleted else ():
        client = Client()
        client.force_login(User.objects.get(email=email))
        for name, key in sorted(expected.deleted.items()):
            for path in ("", "/pages/1", "/passages", "/file"):
                answer = client.get(f"/documents/{key}{path}")
                if answer.status_code != 404 or needle_of(name) in answer.content.decode():
                    yield f"{email} gets {answer.status_code} for /documents/{key}{path} ({name})"


def snapshots_leave_nothing_behind(expected: Expected) -> Iterator[str]:
    """Once the next snapshot is written, its folder holds it and nothing else."""
    for organization in Organization.objects.all():
        get_vector_index().rebuild(organization.pk)
        index = get_state(organization.pk)
        folder = Path(settings.VECTOR_STORE_DIR) / str(organization.pk) / index.model
        manifest = (folder / "manifest.json").read_text(encoding="utf-8")
        names = {path.name for path in folder.iterdir()} - {"manifest.json", ".lock"}
        unnamed = sorted(name for name in names if name not in manifest)
        yield from _compare(f"stray files of {organization.name}'s snapshot", unnamed, [])


# --- conversations --------------------------------------------------------------------------------
def every_answer_is_settled(expected: Expected) -> Iterator[str]:
    """Each question has one answer, which is complete if that was told, and else ended."""
    for chat in expected.chats:
        answers = Message.objects.answers().filter(question__content=chat.query)
        statuses = [answer.current_status for answer in answers]
        if chat.answered:
            yield from _compare(f"answers to {chat.query!r}", statuses, ["completed"])
        elif len(statuses) > 1 or set(statuses) & {"pending", "streaming"}:
            yield f"answers to {chat.query!r} are {statuses}"


def every_model_call_is_in_the_ledger_once(expected: Expected) -> Iterator[str]:
    """A settled answer that was made from passages has one record, and no call has two."""
    for answer in Message.objects.answers():
        records = UsageRecord.objects.filter(message=answer, feature="chat").count()
        was_settled = answer.status not in ("pending", "streaming")
        if records > 1 or (was_settled and records != answer.sources.exists()):
            yield f"the answer {answer.pk} ({answer.status}) has {records} records"


def answers_tell_nothing_of_what_is_gone(expected: Expected) -> Iterator[str]:
    """An answer that took words of a deleted document is withheld, with its sources."""
    needles = {needle_of(name) for name in expected.deleted}
    for answer in Message.objects.answers().select_related("conversation__user"):
        sources = message_sources(message=answer, user=answer.conversation.user)
        text = answer_text(message=answer, sources=sources)
        shown = " ".join([text, *(source.content + source.filename for source in sources)])
        told = [needle for needle in needles if needle in shown.split()]
        if text != WITHHELD and told:
            yield f"the answer {answer.pk} still tells of {told}"


# Seen in the rows and files: the same for every process.
OF_THE_DATA: tuple[Invariant, ...] = (
    every_accepted_upload_is_there_once,
    every_file_is_as_it_was_sent,
    every_document_is_settled,
    every_completed_document_is_whole,
    nothing_is_left_of_what_is_gone,
    the_database_is_sound,
    every_file_has_a_row,
    no_picture_is_left_of_what_is_gone,
    no_upload_is_left_half_received,
    changes_of_the_model_are_finished,
    versions_count_each_change_once,
    every_answer_is_settled,
    every_model_call_is_in_the_ledger_once,
    answers_tell_nothing_of_what_is_gone,
    deleted_documents_are_found_by_nothing,
)
# Seen through a process's own copy of the index.
OF_A_PROCESS: tuple[Invariant, ...] = (
    the_index_is_healthy,
    everybody_finds_exactly_what_they_may,
    everybody_retrieves_exactly_what_they_may,
)
# The last one writes a snapshot, so it comes after those that read what the crash left.
# What holds even before a restart has put anything right.
AT_ANY_TIME: tuple[Invariant, ...] = (
    every_accepted_upload_is_there_once,
    every_file_is_as_it_was_sent,
    every_completed_document_is_whole,
    nothing_is_left_of_what_is_gone,
    the_database_is_sound,
    versions_count_each_change_once,
    answers_tell_nothing_of_what_is_gone,
    deleted_documents_are_found_by_nothing,
    everybody_finds_exactly_what_they_may,
    everybody_retrieves_exactly_what_they_may,
)
ALL = (*OF_THE_DATA, *OF_A_PROCESS, snapshots_leave_nothing_behind)


def _compare(what: str, found: object, wanted: object) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: found {_short(found)}, not {_short(wanted)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 600 else f"{text[:600]}…"


@cache
def _read(note: Note) -> tuple[ExtractedDocument, list[Chunk]]:
    """Return a note's text and chunks, by the extractor and the chunker alone."""
    extension = note.name.rpartition(".")[2]
    with tempfile.NamedTemporaryFile(suffix=f".{extension}") as file:
        file.write(note.content)
        file.flush()
        limits = Limits(settings.MAX_PAGES, settings.MAX_DOCUMENT_CHARACTERS)
        extracted = load_extractor(extension).extract(Path(file.name), limits)
    chunks = chunk_pages(extracted.pages, size=settings.CHUNK_SIZE, overlap=settings.CHUNK_OVERLAP)
    return extracted, chunks


def _spans(chunks: Sequence[Chunk]) -> list[tuple[object, ...]]:
    return [(c.index, c.page, c.start, c.end, c.heading, c.text) for c in chunks]


def _chunks(document: Document) -> list[tuple[object, ...]]:
    fields = ("chunk_index", "page", "start", "end", "heading", "text")
    return list(document.chunks.order_by("chunk_index", "pk").values_list(*fields))


def _places(chunk_ids: Sequence[int]) -> list[tuple[str, int]]:
    """Return which chunks they are in words of the model; one without a row is nobody's."""
    rows = DocumentChunk.objects.select_related("document").in_bulk(chunk_ids)
    return sorted(
        (rows[key].document.filename, rows[key].chunk_index) if key in rows else ("no row", key)
        for key in chunk_ids
    )


def _is_completed(note: Note) -> bool:
    return Document.objects.completed().filter(filename=note.name).exists()


def _words(organization_id: UUID) -> list[tuple[Any, ...]]:
    """Return (document, chunk, title, heading, text) of all that is searched by words."""
    table = f"rag_lexical_{organization_id.hex}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = %s", [table])
        if cursor.fetchone() is None:
            return []  # nothing was ever published in it
        cursor.execute(f"SELECT document, rowid, title, heading, text FROM {table} ORDER BY rowid")
        return cursor.fetchall()
