"""What either process can be told to do: plain values in, plain values out."""

import os
import signal
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.models import Membership, Organization, Team, User
from documents import leases
from documents.exceptions import DocumentFailure
from documents.models import Document, DocumentChunk
from documents.services import delete_documents, retry_document, share_document, upload_document
from documents.versions import upload_version
from rag.embedding.registry import get_embedder
from rag.index import registry
from rag.index.registry import get_lexical_index, get_vector_index
from rag.index.scope import Scope
from rag.index.sqlite_fts_table import FtsTable
from rag.index.versions import get_state
from rag.ingestion import ingest_waiting
from rag.models import ChunkEmbedding, IndexChange, ModelChange
from rag.retrieval import retrieve
from rag.services import index, model_change
from rag.services.model_change_run import run_change

# Stands in every paragraph, so that a search for it has to find all of them.
EVERYWHERE = "everywhere"
ALL = 10_000


def upload(*, owner: str, text: str, visibility: str, teams: list[str]) -> str:
    """Upload a text file, and leave it waiting."""
    document = upload_document(
        owner=User.objects.get(pk=owner),
        file=ContentFile(text.encode()),
        filename="note.txt",
        visibility=visibility,
        teams=Team.objects.filter(pk__in=teams),
        ingest=False,
    )
    return str(document.pk)


def upload_next(*, document: str, actor: str, text: str) -> None:
    """Upload a new version of a document."""
    upload_version(
        document=Document.objects.get(pk=document),
        actor=User.objects.get(pk=actor),
        file=ContentFile(text.encode()),
        filename="note.txt",
        ingest=False,
    )


def ingest() -> int:
    """Ingest whatever waits."""
    return ingest_waiting()


def ingest_dying_of(*, words: str) -> int:
    """Ingest whatever waits; be killed as by a fault of the model when it meets the words."""
    embedder = get_embedder()
    embed = embedder.embed_passages

    def embed_or_die(texts: Sequence[str]) -> Any:
        if any(words in text for text in texts):
            os.kill(os.getpid(), signal.SIGKILL)
        return embed(texts)

    embedder.embed_passages = embed_or_die  # type: ignore[method-assign]
    return ingest_waiting()


def fail(*, document: str) -> None:
    """Fail a waiting document as a worker does when its file cannot be read."""
    [lease] = leases.claim(limit=1, first=uuid.UUID(document))
    leases.fail(lease, DocumentFailure("This file cannot be read.", code="unreadable"))


def abandon(*, document: str) -> None:
    """Take a waiting document and die with it: the lease has run out when this returns."""
    leases.claim(limit=1, first=uuid.UUID(document))
    Document.objects.filter(pk=document).update(lease_expires_at=timezone.now())


def retry(*, document: str, actor: str) -> None:
    """Have a failed document tried again."""
    retry_document(document=Document.objects.get(pk=document), actor=User.objects.get(pk=actor))


def delete(*, documents: list[str], actor: str) -> int:
    """Delete documents."""
    rows = Document.objects.filter(pk__in=documents)
    return delete_documents(documents=rows, actor=User.objects.get(pk=actor))


def share(*, document: str, actor: str, visibility: str, teams: list[str]) -> None:
    """Say who may read a document."""
    share_document(
        document=Document.objects.get(pk=document),
        actor=User.objects.get(pk=actor),
        visibility=visibility,
        teams=Team.objects.filter(pk__in=teams),
    )


def join(*, user: str, team: str) -> None:
    """Make somebody a member of a team."""
    Membership.objects.get_or_create(user_id=user, team_id=team)


def leave(*, user: str, team: str) -> None:
    """End a membership."""
    Membership.objects.filter(user_id=user, team_id=team).delete()


def restart() -> None:
    """Lose what this process holds in memory."""
    registry.get_vector_index.cache_clear()
    registry.get_lexical_index.cache_clear()


def rebuild(*, organization: str) -> None:
    """Make the indexes anew, and the snapshot with them."""
    get_lexical_index().rebuild(uuid.UUID(organization))
    get_vector_index().rebuild(uuid.UUID(organization))


def change_model(*, organization: str, batches: int | None) -> None:
    """Go on with a change to the model that is not in use, for so many batches."""
    place = Organization.objects.get(pk=organization)
    other = "fake" if get_state(place.pk).model == "fake-wide" else "fake-wide"
    change = model_change.start_change(organization=place, model=other, actor=None)
    run_change(change_id=change.pk, max_batches=batches)


def cancel_change(*, organization: str) -> None:
    """Give up the open change, and delete the vectors of models that are not in use."""
    place = Organization.objects.get(pk=organization)
    if ModelChange.objects.open().filter(organization=place).exists():
        model_change.cancel(organization=place, actor=None)
    model_change.prune(organization=place, actor=None)


def spoil_and_repair(*, organization: str, kind: str) -> bool:
    """Spoil rows, words or memory past the services, repair, and return whether all is sound."""
    place = Organization.objects.get(pk=organization)
    state = get_state(place.pk)
    vectors = ChunkEmbedding.objects.filter(organization=place, model=state.model)
    some = list(vectors.order_by("pk").values_list("chunk_id", flat=True)[::2])
    if kind == "lose vectors":
        vectors.filter(chunk_id__in=some).delete()
    elif kind == "poison vectors":
        vectors.filter(chunk_id__in=some).update(vector=b"\x00\x00\xc0\x7f" * 64)
    elif kind == "lose words" and some:
        FtsTable(place.pk).delete(some)
    elif kind == "forget a change":
        IndexChange.objects.filter(organization=place, version=state.version).delete()
    index.run_now(organization=place, action="repair")
    return index.check_index(organization=place, thorough=True).is_consistent


def search(*, user: str, query: str) -> dict[str, Any]:
    """Return all that somebody can find, and what the nearest are by plain arithmetic.

    Returns:
        `vector`, `lexical` and `retrieved`: the chunks each way finds; `nearest`: the ten best of
        the vector index; `exact`: the ten best by computing every cosine.
    """
    reader = User.objects.get(pk=user)
    assert reader.organization_id is not None
    state = get_state(reader.organization_id)
    vector = get_embedder(state.model).embed_query(query)
    scope = Scope(Document.objects.visible_to(reader))
    near = get_vector_index().search(vector, k=ALL, state=state, within=scope)
    worded = get_lexical_index().search(EVERYWHERE, k=ALL, state=state, within=scope)
    found = retrieve(user=reader, query=f"{EVERYWHERE} {query}", top_k=50)
    return {
        "vector": sorted(hit.chunk_id for hit in near),
        "lexical": sorted(hit.chunk_id for hit in worded),
        "retrieved": sorted(passage.chunk_key for passage in found.passages),
        "nearest": [round(hit.score, 4) for hit in near[:10]],
        "exact": _best_cosines(reader, state.model, vector)[:10],
    }


def _best_cosines(reader: User, model: str, vector: np.ndarray) -> list[float]:
    chunks = DocumentChunk.objects.visible_to(reader)
    rows = ChunkEmbedding.objects.filter(chunk__in=chunks, model=model)
    cosines = [
        float(np.frombuffer(row, "<f4") @ vector) for row in rows.values_list("vector", flat=True)
    ]
    return [round(cosine, 4) for cosine in sorted(cosines, reverse=True)]


ACTIONS: dict[str, Callable[..., Any]] = {
    action.__name__: action
    for action in (
        upload,
        upload_next,
        ingest,
        ingest_dying_of,
        fail,
        abandon,
        retry,
        delete,
        share,
        join,
        leave,
        restart,
        rebuild,
        change_model,
        cancel_change,
        spoil_and_repair,
        search,
    )
}
