"""Fills a throw-away installation with many chunks of real text, without embedding each of them.

A few thousand real chunks are embedded; the rest are their jittered copies, so that vectors keep
the spread of real ones and words their real frequencies.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
CORPUS = DATA / "scifact"
CHUNKS_A_DOCUMENT = 20
REAL_CHUNKS = 3_000
PASSWORD = "benchmark-password-1"
# Who sees which share of the organization's documents.
PEOPLE = {"0.1%": "few@bench.test", "10%": "some@bench.test", "100%": "all@bench.test"}
SHARES = {"0.1%": 0.001, "10%": 0.1}


def start_installation() -> Path:
    """Make an empty installation in a temporary folder, and load Django on it."""
    folder = Path(tempfile.mkdtemp(prefix="knowledge-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(
        DATA_DIR=str(folder),
        DJANGO_SETTINGS_MODULE="knowledge.settings.dev",
        LOG_LEVEL="WARNING",
        HF_HUB_OFFLINE="1",
    )
    sys.path.insert(0, str(ROOT))
    migrate = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
    subprocess.run(migrate, check=True, cwd=ROOT)
    import django

    django.setup()
    return folder


def read_texts(folder: Path, *, limit: int) -> list[str]:
    """Return up to `limit` chunks of about 500 characters from `corpus.jsonl`."""
    texts = []
    with (folder / "corpus.jsonl").open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            text = f"{row['title']} {row['text']}"
            texts += [text[i : i + 500] for i in range(0, max(1, len(text) - 100), 400)]
            if len(texts) >= limit:
                break
    return texts[:limit]


def read_queries(folder: Path, *, limit: int) -> list[str]:
    """Return up to `limit` questions from `queries.jsonl`."""
    with (folder / "queries.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file][:limit]


def seed_people() -> dict[str, Any]:
    """Make one organization, and one person for each share of its documents."""
    from accounts.models import Organization, User

    organization = Organization.objects.create(name="Benchmark")
    return {
        share: User.objects.create_user(
            email, PASSWORD, organization=organization, role="admin" if share == "100%" else "user"
        )
        for share, email in PEOPLE.items()
    }


def first_person() -> Any:
    """Return somebody to upload as, made with an organization at the first call."""
    from accounts.models import User

    return User.objects.first() or seed_people()["100%"]


def seed_documents(
    people: dict[str, Any], texts: list[str], vectors: Vectors, *, chunks: int
) -> None:
    """Publish documents of 20 chunks until the organization has `chunks`."""
    from django.db import transaction

    from documents.models import DocumentChunk

    present = DocumentChunk.objects.count()
    total = chunks // CHUNKS_A_DOCUMENT
    rng = np.random.default_rng(chunks)
    for first in range(present // CHUNKS_A_DOCUMENT, total, 100):
        with transaction.atomic():
            for number in range(first, min(first + 100, total)):
                _publish(_owner(people, number), number, texts, vectors, rng)


def _owner(people: dict[str, Any], number: int) -> Any:
    """Spread the owners evenly, so that every size has its shares."""
    if number % 1000 == 7:
        return people["0.1%"]
    return people["10%"] if number % 10 == 3 else people["100%"]


def _publish(
    owner: Any, number: int, texts: list[str], vectors: Vectors, rng: np.random.Generator
) -> None:
    from documents.models import Document, DocumentChunk
    from rag.index.registry import get_lexical_index
    from rag.index.versions import record_changes
    from rag.models import ChunkEmbedding

    document = Document.objects.create(
        organization=owner.organization,
        uploaded_by=owner,
        filename=f"report {number}.txt",
        extension="txt",
        content_type="text/plain",
        size=1,
        sha256="0" * 64,
        file=f"{uuid.uuid4()}.txt",
        status="completed",
        chunk_count=CHUNKS_A_DOCUMENT,
    )
    chosen = rng.integers(0, len(texts), CHUNKS_A_DOCUMENT)
    noise = rng.standard_normal((CHUNKS_A_DOCUMENT, vectors.shape[1])).astype(np.float32)
    jittered = vectors[chosen] + 0.02 * noise
    jittered /= np.linalg.norm(jittered, axis=1, keepdims=True)
    rows = DocumentChunk.objects.bulk_create(
        DocumentChunk(
            document=document,
            chunk_index=i,
            page=1,
            start=400 * i,
            end=400 * i + 500,
            text=_varied(texts[c], rng),
        )
        for i, c in enumerate(chosen)
    )
    ChunkEmbedding.objects.bulk_create(
        ChunkEmbedding(
            organization=owner.organization,
            document=document,
            chunk=row,
            model="all-MiniLM-L6-v2",
            vector=vector.astype("<f4").tobytes(),
        )
        for row, vector in zip(rows, jittered, strict=True)
    )
    get_lexical_index().add(owner.organization_id, rows, document.display_title)
    record_changes(owner.organization_id, [document.pk])


def seed_vectors(owner: Any, vectors: Vectors, *, chunks: int) -> None:
    """Publish documents of 20 chunks without texts until the organization has `chunks`.

    Document number n has the size n: whoever wants a share of them takes those below one.
    """
    from django.db import transaction

    from documents.models import DocumentChunk
    from rag.index.versions import record_changes

    first = DocumentChunk.objects.count() // CHUNKS_A_DOCUMENT
    rng = np.random.default_rng(chunks)
    for start in range(first, chunks // CHUNKS_A_DOCUMENT, 250):
        numbers = range(start, min(start + 250, chunks // CHUNKS_A_DOCUMENT))
        with transaction.atomic():
            documents = _documents(owner, numbers)
            add_rows(documents, vectors, rng)
            record_changes(owner.organization_id, [document.pk for document in documents])


def add_rows(documents: Sequence[Any], vectors: Vectors, rng: np.random.Generator) -> None:
    """Give each document 20 chunks with jittered vectors and hardly any text."""
    from documents.models import DocumentChunk
    from rag.models import ChunkEmbedding

    rows = DocumentChunk.objects.bulk_create(
        DocumentChunk(document=document, chunk_index=i, page=1, start=0, end=1, text="x")
        for document in documents
        for i in range(CHUNKS_A_DOCUMENT)
    )
    ChunkEmbedding.objects.bulk_create(
        ChunkEmbedding(
            organization_id=documents[0].organization_id,
            document_id=row.document_id,
            chunk=row,
            model="all-MiniLM-L6-v2",
            vector=vector.tobytes(),
        )
        for row, vector in zip(rows, jittered(vectors, len(rows), rng), strict=True)
    )


def jittered(vectors: Vectors, count: int, rng: np.random.Generator) -> Vectors:
    """Return `count` copies of vectors chosen at random, each with a little noise, of unit length.

    The noise turns a vector by some 20 degrees, as far as passages of one subject lie apart.
    """
    chosen = vectors[rng.integers(0, len(vectors), count)]
    chosen = chosen + 0.02 * rng.standard_normal(chosen.shape, dtype=np.float32)
    unit: Vectors = chosen / np.linalg.norm(chosen, axis=1, keepdims=True)
    return unit.astype("<f4")


def _documents(owner: Any, numbers: Iterable[int]) -> list[Any]:
    from documents.models import Document

    return Document.objects.bulk_create(
        Document(
            organization=owner.organization,
            uploaded_by=owner,
            filename=f"report {number}.txt",
            extension="txt",
            content_type="text/plain",
            size=number,
            sha256="0" * 64,
            file=f"{uuid.uuid4()}.txt",
            status="completed",
            chunk_count=CHUNKS_A_DOCUMENT,
        )
        for number in numbers
    )


def _varied(text: str, rng: np.random.Generator) -> str:
    """Return the text with its words turned round at one point, so that copies differ."""
    words = text.split()
    at = int(rng.integers(0, max(1, len(words))))
    return " ".join(words[at:] + words[:at])
