"""The only reader of the index: a question and a user in, passages that the user may read out."""

import datetime
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from logging import getLogger
from typing import Any

from django.conf import settings
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, TruncDate

from accounts.models import User
from documents.models import Document, DocumentChunk
from documents.narrowing import EVERYTHING, Narrowing
from knowledge.lib.errors import InvalidInput, Unprocessable
from knowledge.lib.overload import Gate, Limits
from rag.embedding.counting import EmbeddingCount, counting
from rag.embedding.registry import get_embedder
from rag.index.base import Hit
from rag.index.registry import get_lexical_index, get_vector_index
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.next_model import load_next_model

logger = getLogger("knowledge.retrieval")

# Hits taken from each index before they are fused.
CANDIDATES = 100
# How much the nearness of meaning counts against words (a convex combination of scores: Bruch, Gai
# and Ingber, ACM TOIS 2023). On three sets of unlike kind, against adding reciprocal ranks: nDCG@10
# 0.724 for 0.715 (SciFact), 0.896 for 0.857 (SQuAD's paragraphs), 0.862 for 0.840 (a handbook); and
# never below the better index alone, as reciprocal ranks are on the second.
DENSE_SHARE = 0.5
# Two chunks of one page that share this part of the shorter one say the same.
SAME_SPAN = 0.5


def _limits() -> Limits:
    return Limits(settings.SEARCH_PLACES, settings.SEARCH_QUEUE, settings.SEARCH_WAIT_S)


# More searches at once than the processor can do only make each of them slower.
_gate = Gate("search", _limits)


class Mode(StrEnum):
    """Which indexes are asked: people get both, an evaluation may look at either alone."""

    HYBRID = "hybrid"
    DENSE = "dense"
    LEXICAL = "lexical"


@dataclass(frozen=True)
class Passage:
    """A chunk that was found, with where it stands.

    Attributes:
        chunk_key: key of the row; `chunk_id` is what scripts are given.
        page: number of the page, from 1.
        start, end: characters into the page's text.
        score: the fused score, higher is better, comparable inside one result.
        similarity: cosine of question and chunk; None when only words found it.
        rank: from 1.
        document_date: the document's own, or of its upload, as `dated_by` says.
    """

    chunk_key: int
    chunk_id: uuid.UUID
    document_id: uuid.UUID
    filename: str
    title: str
    heading: str
    page: int
    chunk_index: int
    start: int
    end: int
    content: str
    score: float
    similarity: float | None
    rank: int
    document_date: datetime.date | None = None
    dated_by: str = ""


# Where the fields of a Passage are read from.
_COLUMNS: dict[str, str | Combinable] = {
    "chunk_key": "pk",
    "chunk_id": "uid",
    "document_id": "document_id",
    "filename": "document__filename",
    "title": "document__title",
    "heading": "heading",
    "page": "page",
    "chunk_index": "chunk_index",
    "start": "start",
    "end": "end",
    "content": "text",
    "document_date": Coalesce("document__dated_on", TruncDate("document__created_at")),
    "dated_by": "document__dated_by",
}


@dataclass(frozen=True)
class Retrieval:
    """The passages for a question, best first, how long it took in ms, and what was embedded."""

    query: str
    passages: tuple[Passage, ...]
    took_ms: float
    embedded: EmbeddingCount = field(default_factory=EmbeddingCount)


@dataclass(frozen=True)
class Fused:
    """A chunk that either index found, with its place among both.

    Attributes:
        score: higher is better; comparable only inside one result.
        similarity: cosine of question and chunk; None when only words found it.
    """

    chunk_id: int
    score: float
    similarity: float | None


def check_query(query: str) -> str:
    """Return the question without outer blanks.

    Raises:
        InvalidInput: it is empty.
        Unprocessable: it is longer than `MAX_QUERY_CHARACTERS`.
    """
    query = query.replace("\x00", "").strip()
    if not query:
        raise InvalidInput("Ask a question: the query is empty.")
    limit = settings.MAX_QUERY_CHARACTERS
    if len(query) > limit:
        raise Unprocessable(
            f"The query has {len(query)} characters; at most {limit} are allowed.",
            details={"limit": limit, "length": len(query)},
        )
    return query


def retrieve(*, user: User, query: str, top_k: int, narrowing: Narrowing = EVERYTHING) -> Retrieval:
    """Return the `top_k` passages that answer best, among what the user may read.

    Args:
        narrowing: which of those documents are asked.

    Raises:
        InvalidInput, Unprocessable: the query is empty or too long; `top_k` is out of range.
        Overloaded: too many searches run and wait in this process.
    """
    query = check_query(query)
    if not 1 <= top_k <= settings.MAX_TOP_K:
        raise InvalidInput(f"top_k must be between 1 and {settings.MAX_TOP_K}.")
    with _gate.entered():
        return _retrieve(user, query, top_k, narrowing)


def rank_chunks(
    *, user: User, query: str, mode: Mode = Mode.HYBRID, candidates: int = CANDIDATES
) -> list[Fused]:
    """Return what the indexes find among what the user may read, best first.

    For evaluations: deeper than anybody reads, without the text, and outside the gate.

    Args:
        candidates: hits taken from each index.

    Raises:
        InvalidInput, Unprocessable: the query is empty or too long.
    """
    query = check_query(query)
    scope = Scope(Document.objects.visible_to(user))
    if not scope or user.organization_id is None:
        return []
    dense, lexical = _search(query, user.organization_id, scope, mode=mode, candidates=candidates)
    return fuse(dense, lexical)


def _retrieve(user: User, query: str, top_k: int, narrowing: Narrowing) -> Retrieval:
    started = time.perf_counter()
    passages: tuple[Passage, ...] = ()
    dense: Sequence[Hit] = ()
    lexical: Sequence[Hit] = ()
    # SECURITY: the one place that says what a search may return.
    scope = Scope(Document.objects.visible_to(user).narrowed(narrowing))
    embedded = EmbeddingCount()
    if scope and user.organization_id is not None:
        with counting() as embedded:
            dense, lexical = _search(query, user.organization_id, scope)
        passages = _passages(fuse(dense, lexical), user=user, top_k=top_k)
    took_ms = (time.perf_counter() - started) * 1000
    logger.info(
        "retrieval",
        extra={
            "query_length": len(query),
            "documents": len(scope),
            "dense": len(dense),
            "lexical": len(lexical),
            "passages": len(passages),
            "chunk_ids": [str(passage.chunk_id) for passage in passages],
            "ms": round(took_ms, 1),
        },
    )
    return Retrieval(query, passages, took_ms, embedded)


def _search(
    query: str,
    organization_id: uuid.UUID,
    scope: Scope,
    *,
    mode: Mode = Mode.HYBRID,
    candidates: int = CANDIDATES,
) -> tuple[list[Hit], list[Hit]]:
    state = get_state(organization_id)  # read once: model and version belong together
    load_next_model(state)
    dense: list[Hit] = []
    lexical: list[Hit] = []
    if mode is not Mode.LEXICAL:
        vector = get_embedder(state.model).embed_query(query)
        dense = get_vector_index().search(vector, k=candidates, state=state, within=scope)
    if mode is not Mode.DENSE:
        lexical = get_lexical_index().search(query, k=candidates, state=state, within=scope)
    return dense, lexical


def fuse(dense: Sequence[Hit], lexical: Sequence[Hit]) -> list[Fused]:
    """Order by the weighted sum of both scores, each as a share of its index's best.

    What only words found is taken to be as near as the last of the nearest: it is no nearer.
    """
    nearest = max((hit.score for hit in dense), default=0.0)
    last = max(0.0, min((hit.score for hit in dense), default=0.0))
    most_words = max((hit.score for hit in lexical), default=0.0)
    similarities = {hit.chunk_id: hit.score for hit in dense}
    words = {hit.chunk_id: hit.score for hit in lexical}
    fused = [
        Fused(
            key,
            DENSE_SHARE * _share(similarities.get(key, last), nearest)
            + (1 - DENSE_SHARE) * _share(words.get(key, 0.0), most_words),
            similarities.get(key),
        )
        for key in similarities.keys() | words.keys()
    ]
    return sorted(fused, key=lambda hit: (-hit.score, -(hit.similarity or 0.0), hit.chunk_id))


def _share(score: float, best: float) -> float:
    return max(0.0, score) / best if best > 0 else 0.0


def _passages(fused: Sequence[Fused], *, user: User, top_k: int) -> tuple[Passage, ...]:
    """Read the best hits back from the database, once for what says the same.

    SECURITY: the read-back goes through `visible_to`, so that even a wrong index shows nothing.
    """
    kept: list[Passage] = []
    step = top_k + 8
    for first in range(0, len(fused), step):
        hits = fused[first : first + step]
        rows = _read_back(hits, user)
        for hit in hits:
            if hit.chunk_id not in rows:
                continue
            passage = Passage(
                **rows[hit.chunk_id],
                score=hit.score,
                similarity=hit.similarity,
                rank=len(kept) + 1,
            )
            if not any(_says_the_same(passage, other) for other in kept):
                kept.append(passage)
                if len(kept) == top_k:
                    return tuple(kept)
    return tuple(kept)


def _read_back(hits: Sequence[Fused], user: User) -> dict[int, dict[str, Any]]:
    """Return the stored fields of a Passage for each hit that the user may read, by key."""
    chunks = DocumentChunk.objects.visible_to(user).filter(pk__in=[hit.chunk_id for hit in hits])
    # Rows, not objects: building two dozen models costs more than the query.
    rows = chunks.order_by().values_list(*_COLUMNS.values())
    return {row[0]: dict(zip(_COLUMNS, row, strict=True)) for row in rows}


def _says_the_same(passage: Passage, other: Passage) -> bool:
    """Tell whether two passages are the same text, or overlap by most of the shorter one."""
    if passage.content == other.content:
        return True
    if (passage.document_id, passage.page) != (other.document_id, other.page):
        return False
    shared = min(passage.end, other.end) - max(passage.start, other.start)
    return shared >= SAME_SPAN * min(passage.end - passage.start, other.end - other.start)
