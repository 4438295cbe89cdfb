"""Compares two embedding models on questions of which the answering documents are known."""

import heapq
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings

from documents.models import Document, DocumentChunk
from knowledge.lib.errors import InvalidInput
from rag.embedding.base import Vectors
from rag.embedding.registry import get_embedder
from rag.fusion import fuse
from rag.index.base import Hit
from rag.index.registry import get_lexical_index
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.models import ChunkEmbedding
from rag.retrieval import CANDIDATES

# How many documents a person is assumed to look at.
CUT = 10
# Vectors read from the database at a time.
READ_SIZE = 5_000


@dataclass(frozen=True)
class Question:
    """A question and what answers it: names of files, or ids of documents."""

    text: str
    gold: frozenset[str]


@dataclass(frozen=True)
class Figures:
    """How well a search finds the documents that answer, as means over the questions.

    Attributes:
        mrr: 1 / rank of the first document that answers; 0 when it is not among the first ten.
        recall: share of the questions of which one is among the first ten.
    """

    mrr: float
    recall: float

    def is_worse_than(self, other: "Figures", tolerance: float) -> bool:
        """Tell whether either figure is lower by more than the tolerance."""
        return max(other.mrr - self.mrr, other.recall - self.recall) > tolerance


@dataclass(frozen=True)
class Comparison:
    """Both models on the questions whose documents the organization has.

    Attributes:
        questions: how many those are; the others say nothing.
        vectors_before, vectors_after: by meaning alone.
        search_before, search_after: by meaning and words, as the product searches. These decide.
    """

    questions: int
    vectors_before: Figures
    vectors_after: Figures
    search_before: Figures
    search_after: Figures

    def is_worse(self, tolerance: float) -> bool:
        """Tell whether people would find less after the change."""
        return self.search_after.is_worse_than(self.search_before, tolerance)

    def verdict(self, tolerance: float) -> str:
        """Return in a sentence why the change is refused."""
        before, after = self.search_before, self.search_after
        return (
            f"The search would get worse on {self.questions} questions: MRR@{CUT} "
            f"{before.mrr:.3f} before, {after.mrr:.3f} after; recall@{CUT} {before.recall:.3f} "
            f"before, {after.recall:.3f} after; tolerated is {tolerance:g}."
        )


def evaluation_questions() -> list[Question]:
    """Return the configured evaluation set; empty when there is none.

    Questions without a document that answers them are left out: there is nothing to find.

    Raises:
        InvalidInput: the file cannot be read, or a line of it is something else.
    """
    name = settings.REEMBED_EVALUATION_SET
    if not name:
        return []
    try:
        lines = Path(name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"REEMBED_EVALUATION_SET: {name} cannot be read ({type(error).__name__})."
        ) from error
    rows = [_question(n, line) for n, line in enumerate(lines, start=1) if line.strip()]
    return [question for question in rows if question.gold]


def _question(number: int, line: str) -> Question:
    try:
        row = json.loads(line)
        gold = row.get("gold") or []
        names = [gold] if isinstance(gold, str) else gold
        if isinstance(row["question"], str) and all(isinstance(name, str) for name in names):
            return Question(row["question"], frozenset(names))
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise InvalidInput(
        f'REEMBED_EVALUATION_SET: line {number} is not {{"question": "…", "gold": "file name or '
        'document id"}, or has a list of them as its gold.'
    )


def compare_models(
    organization_id: uuid.UUID, questions: Sequence[Question], *, before: str, after: str
) -> Comparison:
    """Search the organization's documents for each question with the vectors of both models.

    Vectors are compared exactly, straight from the rows, so that no process's index changes; words
    are searched, and both put together, as for any question.
    """
    gold = _documents(organization_id, questions)
    asked = [question for question in questions if question.text in gold]
    words = [_words(organization_id, question.text) for question in asked]
    figures = []
    for model in (before, after):
        vectors = _nearest(organization_id, [question.text for question in asked], model)
        fused = [fuse(dense, lexical) for dense, lexical in zip(vectors, words, strict=True)]
        for ranking in (vectors, fused):
            keys = [[hit.chunk_id for hit in hits] for hits in ranking]
            figures.append(_figures(_by_document(keys), [gold[q.text] for q in asked]))
    return Comparison(len(asked), figures[0], figures[2], figures[1], figures[3])


def _documents(
    organization_id: uuid.UUID, questions: Iterable[Question]
) -> dict[str, set[uuid.UUID]]:
    """Return for each question the documents that answer it, where the organization has any."""
    by_name: dict[str, set[uuid.UUID]] = {}
    rows = Document.objects.completed().filter(organization_id=organization_id)
    for key, filename in rows.values_list("pk", "filename"):
        for name in (str(key), filename):
            by_name.setdefault(name, set()).add(key)
    found = {}
    for question in questions:
        # A path names its file, unless a document is called by the whole path.
        named = [by_name.get(name) or by_name.get(Path(name).name, set()) for name in question.gold]
        if documents := set().union(*named):
            found[question.text] = documents
    return found


def _words(organization_id: uuid.UUID, question: str) -> list[Hit]:
    documents = Document.objects.filter(organization_id=organization_id)
    return get_lexical_index().search(
        question, k=CANDIDATES, state=get_state(organization_id), within=Scope(documents)
    )


def _nearest(organization_id: uuid.UUID, questions: Sequence[str], model: str) -> list[list[Hit]]:
    """Return the nearest chunks of each question, in memory that does not grow with the index."""
    if not questions:
        return []
    embedder = get_embedder(model)
    asked = np.stack([embedder.embed_query(question) for question in questions])
    best: list[list[tuple[float, int]]] = [[] for _ in questions]
    rows = ChunkEmbedding.objects.of_index(organization_id, model)
    rows = rows.filter(document__status=Document.Status.COMPLETED)
    batch: list[tuple[int, bytes | memoryview]] = []
    for row in rows.values_list("chunk_id", "vector").iterator(chunk_size=READ_SIZE):
        batch.append(row)
        if len(batch) == READ_SIZE:
            _merge(best, asked, batch)
            batch = []
    if batch:
        _merge(best, asked, batch)
    return [[Hit(key, score) for score, key in hits] for hits in best]


def _merge(
    best: list[list[tuple[float, int]]],
    asked: Vectors,
    batch: Sequence[tuple[int, bytes | memoryview]],
) -> None:
    """Put the batch's nearest chunks among each question's best so far."""
    vectors = np.frombuffer(b"".join(bytes(row[1]) for row in batch), dtype="<f4")
    scores = asked @ vectors.reshape(len(batch), asked.shape[1]).T
    for place, row in enumerate(scores):
        nearest = np.argsort(-row)[:CANDIDATES]
        found = [(float(row[at]), batch[at][0]) for at in nearest]
        best[place] = heapq.nlargest(CANDIDATES, [*best[place], *found])


def _by_document(rankings: Sequence[Sequence[int]]) -> list[list[uuid.UUID]]:
    """Return the documents of each ranking's chunks, each at its best place."""
    keys = {key for ranking in rankings for key in ranking}
    documents: Mapping[int, uuid.UUID] = dict(
        DocumentChunk.objects.filter(pk__in=keys).values_list("pk", "document_id")
    )
    return [
        list(dict.fromkeys(documents[key] for key in ranking if key in documents))
        for ranking in rankings
    ]


def _figures(rankings: Sequence[Sequence[uuid.UUID]], gold: Sequence[set[uuid.UUID]]) -> Figures:
    if not rankings:
        return Figures(0.0, 0.0)
    ranks = [
        next((n for n, key in enumerate(ranking[:CUT], start=1) if key in right), 0)
        for ranking, right in zip(rankings, gold, strict=True)
    ]
    return Figures(
        mrr=sum(1 / rank for rank in ranks if rank) / len(ranks),
        recall=sum(rank > 0 for rank in ranks) / len(ranks),
    )
