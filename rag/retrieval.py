"""The only reader of the index: a question and a user in, passages that the user may read out."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from logging import getLogger

from django.conf import settings

from accounts.models import User
from documents.models import Document
from documents.narrowing import EVERYTHING, Narrowing
from knowledge.lib.errors import InvalidInput, Unprocessable
from knowledge.lib.overload import Gate, Limits
from rag.embedding.counting import EmbeddingCount, counting
from rag.fusion import Fused
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.models import OrganizationIndex
from rag.next_model import load_next_model
from rag.passages import Passage, choose, with_leads
from rag.questions import understand
from rag.search import CANDIDATES, Mode, Search
from rag.spelling import with_corrections

__all__ = ["CANDIDATES", "Mode", "Passage", "Retrieval", "check_query", "rank_chunks", "retrieve"]

logger = getLogger("knowledge.retrieval")


def _limits() -> Limits:
    return Limits(settings.SEARCH_PLACES, settings.SEARCH_QUEUE, settings.SEARCH_WAIT_S)


# More searches at once than the processor can do only make each of them slower.
_gate = Gate("search", _limits)


@dataclass(frozen=True)
class Retrieval:
    """The passages for a question, best first, and how long it took in milliseconds.

    Attributes:
        embedded: what was embedded for it.
        searched: the question as it was searched: with its misspelt words put right.
        missing_phrases: what the question quotes and nothing holds: there are no passages.
        unknown: words of the question that none of the documents asked has in any form.
        stages: milliseconds of each stage.
        model: the embedding model that searched; empty where there was nothing to search.
    """

    query: str
    passages: tuple[Passage, ...]
    took_ms: float
    embedded: EmbeddingCount = field(default_factory=EmbeddingCount)
    searched: str = ""
    missing_phrases: tuple[str, ...] = ()
    unknown: frozenset[str] = frozenset()
    stages: Mapping[str, float] = field(default_factory=dict)
    model: str = ""


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
    search = Search(user=user, state=_state(user.organization_id), scope=scope)
    return search.first_stage(query, mode=mode, candidates=candidates)


def _retrieve(user: User, query: str, top_k: int, narrowing: Narrowing) -> Retrieval:
    started = time.perf_counter()
    question = understand(query)
    found = Retrieval(query, (), 0.0, searched=query)
    # SECURITY: the one place that says what a search may return.
    scope = Scope(Document.objects.visible_to(user).narrowed(narrowing))
    if scope and user.organization_id is not None:
        state = _state(user.organization_id)
        search = Search(user=user, state=state, scope=scope, phrases=question.phrases)
        with counting() as embedded:
            rankings = [search.ranking(subject) for subject in question.searches]
            passages = choose(rankings, top_k=top_k, from_several=question.kind == "list")
            passages = with_leads(passages, user)
        found = Retrieval(
            query,
            passages,
            0.0,
            searched=with_corrections(query, search.corrections),
            unknown=frozenset(search.unknown),
            stages=search.ms,
            embedded=embedded,
            model=state.model,
        )
    if question.phrases and not found.passages:
        found = replace(found, missing_phrases=question.phrases)
    took_ms = (time.perf_counter() - started) * 1000
    logger.info(
        "retrieval",
        extra={
            "query_length": len(query),
            "kind": question.kind,
            "documents": len(scope),
            "corrected": found.searched != query,
            "passages": len(found.passages),
            "stages_ms": {stage: round(ms, 1) for stage, ms in found.stages.items()},
            "chunk_ids": [str(passage.chunk_id) for passage in found.passages],
            "ms": round(took_ms, 1),
        },
    )
    return replace(found, took_ms=took_ms)


def _state(organization_id: uuid.UUID) -> OrganizationIndex:
    """Return the index's state, read once: model and version belong together."""
    state = get_state(organization_id)
    load_next_model(state)
    return state
