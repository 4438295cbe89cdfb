"""Deleting 1,000 documents of 100 chunks, alone and while others search and upload.

The deleting process does what an administrator's selection in Django admin does. Against it stands
a bare `DELETE` of the very same rows in one transaction, on a copy of the database from before.
Then another 1,000 go while two processes search and upload all the time; what these wait is
measured before and during.
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import machine, results, seeding

PAGES = 10
CHUNKS_A_PAGE = 10
CHUNK_CHARACTERS = 500
KEPT = 200  # documents that stay
TOGETHER = 20  # documents that are published in one transaction
IDLE_S = 10.0
VOCABULARY = 20_000
TABLES = ("rag_chunkembedding", "documents_documentchunk", "documents_page")


def main() -> None:
    """Seed, measure idle, delete under load, delete bare, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000)
    parser.add_argument("--work", choices=["search", "upload"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        _work(options.work)
        return
    folder = seeding.start_installation()
    admin = seeding.first_person()
    doomed = list(_published(admin, options.documents))
    doomed_later = list(_published(admin, options.documents))
    list(_published(admin, KEPT))
    bare_s = _bare_delete(folder, doomed)
    alone_s = _delete(admin, doomed)
    figures = {
        "documents": len(doomed),
        "chunks": len(doomed) * PAGES * CHUNKS_A_PAGE,
        "bare_s": round(bare_s, 2),
        "alone_s": round(alone_s, 2),
        "ratio": round(alone_s / bare_s, 2),
        **_delete_under_load(admin, doomed_later),
    }
    for name, value in figures.items():
        print(f"{name:<24}{value:>12}")
    results.write("delete", {"machine": machine.describe(), **figures})


def _published(owner: Any, count: int) -> Iterator[uuid.UUID]:
    """Publish documents with random text and vectors by the pipeline's own last step."""
    from django.core.files.base import ContentFile

    from documents import leases
    from documents.models import Document
    from documents.services import upload_document
    from rag.index.versions import get_state
    from rag.publishing import publish_together

    rng = np.random.default_rng()
    model = get_state(owner.organization_id).model
    for first in range(0, count, TOGETHER):
        for number in range(first, min(first + TOGETHER, count)):
            upload_document(
                owner=owner,
                file=ContentFile(rng.bytes(16).hex().encode()),
                filename=f"{number}.txt",
                visibility="organization",
                ingest=False,
            )
        claimed = leases.claim(limit=TOGETHER)
        rows = Document.objects.in_bulk([lease.document_id for lease in claimed])
        jobs = [_job(lease, rows[lease.document_id], model, rng) for lease in claimed]
        yield from (job.document.pk for job in publish_together(jobs))


def _job(lease: Any, document: Any, model: str, rng: np.random.Generator) -> Any:
    """Return a document as it is when it is read and embedded."""
    from documents.chunking import Chunk
    from documents.extraction.base import ExtractedDocument, ExtractedPage
    from rag.chunk_vectors import Embedded
    from rag.publishing import Job

    pages: list[ExtractedPage] = []
    chunks: list[Chunk] = []
    for page in range(1, PAGES + 1):
        texts = [_text(rng) for _ in range(CHUNKS_A_PAGE)]
        pages.append(ExtractedPage(page, "\n".join(texts)))
        for at, text in enumerate(texts):
            start = at * (CHUNK_CHARACTERS + 1)
            chunks.append(Chunk(len(chunks), page, start, start + len(text), text))
    vectors = rng.standard_normal((len(chunks), 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    embedded = Embedded(vectors, [rng.bytes(20) for _ in chunks])
    return Job(lease, document, ExtractedDocument(tuple(pages)), chunks, model, 0.0, embedded)


def _text(rng: np.random.Generator) -> str:
    """Return a chunk whose words are as unevenly frequent as those of a language."""
    ranks = np.minimum(rng.zipf(1.3, 80), VOCABULARY)
    return " ".join(f"word{rank}" for rank in ranks)[:CHUNK_CHARACTERS]


def _bare_delete(folder: Path, doomed: list[uuid.UUID]) -> float:
    """Delete the same rows from a copy with plain SQL, and return the seconds."""
    from django.db import connection

    from documents.models import Document

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    home = Document.objects.get(pk=doomed[0]).organization_id
    connection.close()
    copy = folder / "copy.sqlite3"
    shutil.copy(folder / "db.sqlite3", copy)
    keys = json.dumps([key.hex for key in doomed])
    theirs = "(SELECT value FROM json_each(?))"
    with closing(sqlite3.connect(copy, isolation_level=None)) as plain:
        plain.execute("PRAGMA journal_mode=WAL")
        plain.execute("PRAGMA synchronous=FULL")
        started = time.perf_counter()
        plain.execute("BEGIN IMMEDIATE")
        chunks = f"SELECT id FROM documents_documentchunk WHERE document_id IN {theirs}"
        plain.execute(f"DELETE FROM rag_lexical_{home.hex} WHERE rowid IN ({chunks})", [keys])
        for table in TABLES:
            plain.execute(f"DELETE FROM {table} WHERE document_id IN {theirs}", [keys])
        plain.execute(f"DELETE FROM documents_document WHERE id IN {theirs}", [keys])
        plain.execute("COMMIT")
        return time.perf_counter() - started


def _delete(admin: Any, doomed: list[uuid.UUID]) -> float:
    """Delete through the service, and return the seconds."""
    from documents.models import Document, DocumentChunk
    from documents.services import delete_documents

    started = time.perf_counter()
    delete_documents(documents=Document.objects.filter(pk__in=doomed), actor=admin)
    seconds = time.perf_counter() - started
    assert not DocumentChunk.objects.filter(document__in=doomed).exists()
    return seconds


def _delete_under_load(admin: Any, doomed: list[uuid.UUID]) -> dict[str, float]:
    with _Worker("search") as search, _Worker("upload") as upload:
        time.sleep(IDLE_S)
        idle_until = time.time()
        figures = {"under_load_s": round(_delete(admin, doomed), 2)}
        until = time.time()
        for worker in (search, upload):
            idle, during = worker.waits(idle_until, until)
            figures |= {
                f"{worker.name}_idle_p95_ms": _percentile(idle, 95),
                f"{worker.name}_during_p95_ms": _percentile(during, 95),
                f"{worker.name}_during_max_ms": _percentile(during, 100),
            }
    return figures


def _percentile(values: list[float], percent: int) -> float:
    return round(float(np.percentile(values, percent)), 1)


class _Worker:
    """A process that does one thing over and over, and tells how long each took."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> "_Worker":
        command = [sys.executable, str(Path(__file__).resolve()), "--work", self.name]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ.copy()
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it is ready
        return self

    def waits(self, idle_until: float, until: float) -> tuple[list[float], list[float]]:
        """Return the milliseconds of what began before, and during, the deletion."""
        said, _ = self._process.communicate("end\n")
        took = [tuple(map(float, line.split())) for line in said.splitlines()]
        idle = [ms for began, ms in took if began + ms / 1000 < idle_until]
        during = [ms for began, ms in took if idle_until <= began + ms / 1000 and began < until]
        return idle, during

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _work(name: str) -> None:
    """Search or upload until a line comes on standard input; print when and how long."""
    import select

    sys.path.insert(0, str(seeding.ROOT))
    import django

    django.setup()
    do = {"search": _search, "upload": _upload}[name]
    do(0)
    print("ready", flush=True)
    took = []
    number = 0
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        number += 1
        began, started = time.time(), time.perf_counter()
        do(number)
        took.append((began, 1000 * (time.perf_counter() - started)))
    for began, ms in took:
        print(began, ms)


def _search(number: int) -> None:
    from rag.retrieval import retrieve

    rng = np.random.default_rng(number)
    words = " ".join(f"word{rank}" for rank in rng.integers(0, 500, 6))
    retrieve(user=seeding.first_person(), query=words, top_k=8)


def _upload(number: int) -> None:
    from django.core.files.base import ContentFile

    from documents.services import upload_document

    upload_document(
        owner=seeding.first_person(),
        file=ContentFile(f"Upload {number}.".encode()),
        filename=f"upload {number}.txt",
        ingest=False,
    )


if __name__ == "__main__":
    main()
