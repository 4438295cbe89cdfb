"""Published documents for tests, through the pipeline's own last step."""

import time
import uuid

from accounts.models import Team, User
from documents.chunking import Chunk
from documents.extraction.base import ExtractedDocument, ExtractedPage
from documents.leases import claim
from documents.models import Document
from rag.chunk_vectors import Embedded
from rag.embedding.registry import get_embedder
from rag.embedding.texts import text_digest
from rag.index.versions import get_state
from rag.publishing import Job, publish


def uploaded(
    owner: User,
    *,
    filename: str = "note.txt",
    visibility: str = "private",
    teams: tuple[Team, ...] = (),
) -> Document:
    """Return a document whose file nobody needs."""
    document = Document.objects.create(
        organization=owner.organization,
        uploaded_by=owner,
        filename=filename,
        extension="txt",
        content_type="text/plain",
        size=1,
        sha256="0" * 64,
        file=f"{uuid.uuid4()}.txt",
        visibility=visibility,
    )
    document.teams.set(teams)
    return document


def published(
    owner: User,
    *texts: str,
    filename: str = "note.txt",
    visibility: str = "private",
    teams: tuple[Team, ...] = (),
) -> Document:
    """Return a completed document with one page and one chunk a text."""
    return publish_texts(
        uploaded(owner, filename=filename, visibility=visibility, teams=teams), *texts
    )


def publish_texts(document: Document, *texts: str) -> Document:
    """Publish the texts as the document's pages."""
    Document.objects.filter(pk=document.pk).update(
        status="uploaded", next_attempt_at=None, attempts=0
    )
    [lease] = claim(limit=1, first=document.pk)
    assert lease.document_id == document.pk
    assert publish(job_of(document, lease, *texts))
    document.refresh_from_db()
    return document


def job_of(document: Document, lease, *texts: str) -> Job:
    """Return a job that has been read and embedded."""
    pages = tuple(ExtractedPage(number, text) for number, text in enumerate(texts, start=1))
    chunks = [Chunk(n - 1, n, 0, len(t), t) for n, t in enumerate(texts, start=1)]
    model = get_state(document.organization_id).model
    return Job(
        lease,
        document,
        ExtractedDocument(pages),
        chunks,
        model,
        time.monotonic(),
        Embedded(get_embedder(model).embed_passages(texts), [text_digest(text) for text in texts]),
    )
