"""Measures retrieval: how high the relevant documents of a data set stand, and how fast."""

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.conf import settings

from accounts.models import User
from documents.models import DocumentChunk
from rag.evaluation.data_sets import Judged, RetrievalSet
from rag.evaluation.embedding_cache import cached_embeddings
from rag.evaluation.ranking_measures import measure_rankings
from rag.evaluation.workspace import Progress, Workspace, workspace
from rag.retrieval import Mode, rank_chunks, retrieve

# A document has several chunks: so many of them are taken from each index for each document that
# is looked at, and so many times more where that was not enough.
_CHUNKS_A_DOCUMENT = 8
_MORE = 4


@dataclass(frozen=True)
class RetrievalOutcome:
    """What became of one question.

    Attributes:
        ranking: ids of the data set, best first, as far as was looked.
        ms: that the search took.
    """

    id: str
    question: str
    gold: Mapping[str, int]
    ranking: Sequence[str]
    measures: Mapping[str, float]
    ms: float


@dataclass(frozen=True)
class RetrievalReport:
    """The outcome of a run.

    Attributes:
        metrics: means over the questions (0 to 1), `p50_ms` and `p95_ms` of a search, and the same
            of the reranker alone, where one is configured.
        failures: documents that were refused or could not be read, and why.
        embedded: passages, and those of them whose vectors were known from an earlier run.
    """

    mode: Mode
    metrics: Mapping[str, float]
    outcomes: Sequence[RetrievalOutcome]
    failures: Mapping[str, str]
    documents: int
    chunks: int
    embedded: tuple[int, int]


def evaluate_retrieval(
    data: RetrievalSet, *, mode: Mode, cuts: Sequence[int], limit: int | None, progress: Progress
) -> RetrievalReport:
    """Ingest the data set into a throw-away organization, and search for each question.

    Args:
        mode: which indexes are searched.
        cuts: how many documents are looked at, by nDCG and recall.
        limit: ask only so many of the questions.

    Raises:
        AlreadyRunning: another evaluation runs here.
    """
    with cached_embeddings() as embedder, workspace() as place:
        place.ingest(data.documents, progress)
        owners = _documents_of_chunks(place)
        questions = [_as_long_as_can_be_asked(question) for question in data.questions[:limit]]
        rankings: dict[str, Sequence[str]] = {}
        took: dict[str, float] = {}
        _search(place.user, questions[0].text, mode)  # loads models and index
        judged: list[float] = []
        for number, question in enumerate(questions, start=1):
            first, took[question.id], stages = _search(place.user, question.text, mode)
            judged.append(stages.get("reranker", 0.0))
            rankings[question.id] = _documents(
                place.user, question.text, mode, first, owners, most=max(cuts)
            )
            progress("questions", number, len(questions))
        grades = {question.id: question.grades for question in questions}
        means, each = measure_rankings(grades, rankings, cuts=cuts)
        return RetrievalReport(
            mode=mode,
            metrics={**means, **percentiles(took.values()), **_of_reranker(judged, mode)},
            outcomes=[
                RetrievalOutcome(q.id, q.text, q.grades, rankings[q.id], each[q.id], took[q.id])
                for q in questions
            ],
            failures=place.failures,
            documents=len(data.documents),
            chunks=len(owners),
            embedded=(embedder.asked, embedder.known),
        )


def _as_long_as_can_be_asked(question: Judged) -> Judged:
    """Return the question cut where nobody could ask more: some sets ask whole essays."""
    return replace(question, text=question.text.strip()[: settings.MAX_QUERY_CHARACTERS])


def percentiles(ms: Iterable[float]) -> dict[str, float]:
    """Return the median and the 95th percentile of so many milliseconds."""
    values = sorted(ms)
    cuts = statistics.quantiles(values, n=20, method="inclusive") if len(values) > 1 else values
    return {"p50_ms": round(statistics.median(values), 1), "p95_ms": round(cuts[-1], 1)}


def _of_reranker(ms: Iterable[float], mode: Mode) -> dict[str, float]:
    """Return what the reranker takes of a search; nothing where there is none."""
    if mode is not Mode.HYBRID or not settings.RERANKER_MODEL:
        return {}
    return {f"reranker_{name}": value for name, value in percentiles(ms).items()}


def _search(user: User, question: str, mode: Mode) -> tuple[list[int], float, Mapping[str, float]]:
    """Search as people do, or one index alone.

    Returns:
        Keys of chunks, best first; the milliseconds; and those of each stage, as far as known.
    """
    if mode is Mode.HYBRID:
        found = retrieve(user=user, query=question, top_k=settings.MAX_TOP_K)
        return [passage.chunk_key for passage in found.passages], found.took_ms, found.stages
    started = time.perf_counter()
    ranked = rank_chunks(user=user, query=question, mode=mode)
    return [hit.chunk_id for hit in ranked], (time.perf_counter() - started) * 1000, {}


def _documents(
    user: User,
    question: str,
    mode: Mode,
    first: Sequence[int],
    owners: Mapping[int, Sequence[str]],
    *,
    most: int,
) -> list[str]:
    """Return documents by their best chunk: as the product ranks them, then from further down."""
    ranking = dict.fromkeys(name for key in first for name in owners[key])
    candidates = most * _CHUNKS_A_DOCUMENT
    while len(ranking) < most:
        ranked = rank_chunks(user=user, query=question, mode=mode, candidates=candidates)
        ranking.update(dict.fromkeys(name for hit in ranked for name in owners[hit.chunk_id]))
        if len(ranked) < candidates:
            break  # there is no more
        candidates *= _MORE
    return list(ranking)[:most]


def _documents_of_chunks(place: Workspace) -> dict[int, Sequence[str]]:
    """Return what the data set calls the document of each chunk."""
    chunks = DocumentChunk.objects.visible_to(place.user).order_by()
    return {
        key: place.sources.get(document, ())
        for key, document in chunks.values_list("pk", "document_id")
    }
