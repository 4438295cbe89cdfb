"""Compares rows, indexes and files of one organization, and what belongs to none of several.

It only reads. Memory stays bounded: rows are counted by the database, and vectors pass in blocks.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Organization
from documents.file_check import FileCheck, check_files, is_alone
from documents.models import Document, DocumentChunk
from rag.embedding.registry import get_embedder
from rag.index.base import IndexHealth
from rag.index.registry import get_lexical_index, get_vector_index
from rag.index.versions import get_state
from rag.integrity import rows
from rag.integrity.embeddings import counted, unusable
from rag.integrity.faults import EXAMPLES, Fault, findings
from rag.integrity.history import read_history
from rag.integrity.references import broken_references
from rag.integrity.report import Figures, FileFigures, Report
from rag.models import ChunkEmbedding, OrganizationIndex

# A kind of fault, how often, keys of some.
Found = tuple[Fault, int, Iterable[object]]

# How often the copy in memory is compared anew because something was published meanwhile.
_TRIES = 5


def check(organization: Organization | None, *, thorough: bool) -> Report:
    """Check one organization; None checks what belongs to none of several.

    Args:
        thorough: check the inner structure of the index of words too, during which writers wait:
            10 s for a million chunks.
    """
    started, checked_at = time.monotonic(), timezone.now()
    files = check_files(organization)
    found = list(_of_files(files))
    figures = None
    if organization is not None:
        figures, of_index = _check_index(organization.pk, thorough=thorough)
        found = of_index + found
    if organization is None or is_alone(organization):
        broken = broken_references()
        found.append((Fault.REFERENCE_BROKEN, len(broken), broken))
    return Report(
        organization_id=organization.pk if organization else None,
        organization=organization.name if organization else "",
        checked_at=checked_at,
        took_ms=round((time.monotonic() - started) * 1000),
        is_thorough=thorough,
        figures=figures,
        files=_file_figures(files),
        findings=tuple(findings(found)),
    )


def _check_index(organization_id: uuid.UUID, *, thorough: bool) -> tuple[Figures, list[Found]]:
    state = get_state(organization_id)
    found = list(_of_rows(organization_id, state))
    counts = {kind: count for kind, count, _ in found}
    lexical = get_lexical_index().health(organization_id)
    is_sound = not thorough or get_lexical_index().is_sound(organization_id)
    found += _of_words(lexical, is_sound=is_sound)
    vector, dimension, is_settled = None, None, True
    if state.model in settings.EMBEDDERS:
        dimension = get_embedder(state.model).dimension
        vector, is_settled = _settled_health(organization_id)
        found += _of_vectors(vector, is_settled=is_settled)
    else:
        found.append((Fault.MODEL_UNAVAILABLE, 1, [state.model]))
    figures = Figures(
        model=state.model,
        dimension=dimension,
        version=state.version,
        documents=Document.objects.completed().filter(organization_id=organization_id).count(),
        chunks=DocumentChunk.objects.filter(document__organization_id=organization_id).count(),
        embeddings=ChunkEmbedding.objects.of_index(organization_id, state.model).count(),
        unembedded=counts[Fault.EMBEDDING_MISSING],
        other_models=rows.embeddings_of_other_models(organization_id, state.model),
        wrong_model=counts[Fault.EMBEDDING_UNKNOWN_MODEL],
        wrong_dimension=counts[Fault.EMBEDDING_WRONG_DIMENSION],
        not_finite=counts[Fault.EMBEDDING_NOT_FINITE],
        not_unit_length=counts[Fault.EMBEDDING_NOT_UNIT],
        documents_past_lease=counts[Fault.DOCUMENT_PAST_LEASE],
        vector=vector,
        is_settled=is_settled,
        lexical=lexical,
    )
    return figures, found


def _of_rows(organization_id: uuid.UUID, state: OrganizationIndex) -> Iterator[Found]:
    model = state.model
    yield from _of_embeddings(organization_id, model)
    questions: dict[Fault, Callable[[], QuerySet[Any, Any]]] = {
        Fault.EMBEDDING_MISSING: lambda: rows.chunks_without_embedding(organization_id, model),
        Fault.EMBEDDING_UNKNOWN_MODEL: lambda: rows.embeddings_of_unknown_models(
            organization_id, model
        ),
        Fault.EMBEDDING_MISPLACED: lambda: rows.misplaced_embeddings(organization_id),
        Fault.EMBEDDING_ORPHANED: lambda: rows.orphaned_embeddings(organization_id),
        Fault.DOCUMENT_INCOMPLETE: lambda: rows.incomplete_documents(organization_id),
        Fault.DOCUMENT_MISCOUNTED: lambda: rows.miscounted_documents(organization_id),
        Fault.DOCUMENT_UNFINISHED_WITH_TEXT: lambda: rows.unfinished_documents_with_text(
            organization_id
        ),
        Fault.DOCUMENT_PAST_LEASE: lambda: rows.documents_past_lease(organization_id),
    }
    for kind, question in questions.items():
        count = question().count()
        # Most often there is none, and asking for the keys of some would be all the work again.
        yield kind, count, question().values_list("pk", flat=True)[:EXAMPLES] if count else ()
    altered = [chunk for chunk, _ in rows.altered_chunks(organization_id)]
    yield Fault.CHUNK_ALTERED, len(altered), altered
    history = read_history(organization_id)
    yield Fault.HISTORY_BROKEN, int(history.is_broken), [f"version {history.version}"]
    yield Fault.HISTORY_TOO_LONG, history.surplus, []


def _of_embeddings(organization_id: uuid.UUID, model: str) -> Iterator[Found]:
    kinds = (
        Fault.EMBEDDING_WRONG_DIMENSION,
        Fault.EMBEDDING_NOT_FINITE,
        Fault.EMBEDDING_NOT_UNIT,
    )
    keys: dict[Fault, list[int]] = {}
    if model in settings.EMBEDDERS:
        keys = counted(unusable(organization_id, model, get_embedder(model).dimension))
    for kind in kinds:
        yield kind, len(keys.get(kind, [])), keys.get(kind, [])


def _settled_health(organization_id: uuid.UUID) -> tuple[IndexHealth, bool]:
    """Compare this process's copy with the rows, at a moment when nothing was published between."""
    for _ in range(_TRIES):
        before = get_state(organization_id).token
        health = get_vector_index().health(organization_id)
        if not health.faults or get_state(organization_id).token == before:
            return health, True
    return health, False


def _of_vectors(health: IndexHealth, *, is_settled: bool) -> Iterator[Found]:
    counts = {
        Fault.VECTOR_MISSING: health.missing,
        Fault.VECTOR_EXTRA: health.extra,
        Fault.VECTOR_DUPLICATE: health.duplicate,
        Fault.VECTOR_ALTERED: health.altered,
    }
    for kind, count in counts.items():
        yield (
            kind,
            count if is_settled else 0,
            health.examples.get(kind.removeprefix("vector_"), ()),
        )
    snapshot = health.snapshot
    if snapshot is not None and snapshot.condition in ("damaged", "foreign"):
        yield Fault.SNAPSHOT_UNUSABLE, 1, [snapshot.condition]
    if snapshot is not None and snapshot.last_error:
        yield Fault.SNAPSHOT_NOT_WRITTEN, 1, [snapshot.last_error]


def _of_words(health: IndexHealth, *, is_sound: bool) -> Iterator[Found]:
    counts = {
        Fault.WORDS_MISSING: health.missing,
        Fault.WORDS_EXTRA: health.extra,
        Fault.WORDS_ALTERED: health.altered,
        Fault.WORDS_DAMAGED: int(health.damaged or not is_sound),
    }
    for kind, count in counts.items():
        yield kind, count, health.examples.get(kind.removeprefix("words_"), ())


def _of_files(files: FileCheck) -> Iterator[Found]:
    named: dict[Fault, tuple[object, ...]] = {
        Fault.FILE_WITHOUT_ROW: files.without_row,
        Fault.FILE_LOST: files.lost,
        Fault.FILE_OTHER_SIZE: files.other_size,
        Fault.FILE_THREATENED: files.threatened,
        Fault.FILE_DELETION_OVERDUE: files.overdue,
    }
    for kind, names in named.items():
        yield kind, len(names), names


def _file_figures(files: FileCheck) -> FileFigures:
    return FileFigures(
        stored=files.stored,
        without_rows=len(files.without_row),
        recent_without_rows=len(files.recent_without_row),
        rows_without_files=len(files.lost),
        other_size=len(files.other_size),
        set_aside=files.set_aside,
    )
