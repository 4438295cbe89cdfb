"""Takes away what a check found, without reading a file and without changing what is sound.

Each step decides again inside its transaction, by the rows as they are then, and takes the locks of
a publish in the same order; each change of rows counts the version up, so that every process takes
it. A repair that is interrupted or done twice changes nothing more.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from logging import getLogger

from django.conf import settings
from django.db import transaction

from accounts.models import Organization
from documents import files
from documents.file_check import bring_back, check_files, set_aside, spare
from rag.index.registry import get_lexical_index, get_vector_index
from rag.index.versions import NO_DOCUMENT, get_state, record_changes, record_rebuild
from rag.integrity import document_repair, embedding_repair
from rag.integrity.faults import Fault
from rag.integrity.history import mend_history
from rag.integrity.references import mend_references

logger = getLogger("knowledge.index")


@dataclass(frozen=True)
class _Step:
    """One repair, done when one of its kinds was found."""

    mend: Callable[[Organization], None]
    kinds: frozenset[Fault]


def repair(organization: Organization | None, kinds: Iterable[Fault]) -> None:
    """Repair what was found of these kinds, of one organization or of what belongs to none."""
    found = set(kinds)
    if organization is not None:
        for step in _STEPS:
            if found & step.kinds:
                logger.info("index repair", extra={"step": step.mend.__name__})
                step.mend(organization)
    _mend_files(organization, found)
    if Fault.REFERENCE_BROKEN in found:
        mend_references()


def _mend_words(organization: Organization) -> None:
    get_lexical_index().repair(organization.pk)
    with transaction.atomic():  # what processes remember of the words goes with the version
        record_changes(organization.pk, [NO_DOCUMENT])


def _take_new_copies(organization: Organization) -> None:
    """Have every process, this one at once, make its copy anew from the rows, if it must be."""
    if not get_vector_index().health(organization.pk).faults:
        return  # it differed from rows that were mended, and has followed them
    with transaction.atomic():
        record_rebuild(organization.pk)
    _rebuild_vectors(organization)


def _rebuild_vectors(organization: Organization) -> None:
    if get_state(organization.pk).model in settings.EMBEDDERS:
        get_vector_index().rebuild(organization.pk)


def _mend_files(organization: Organization | None, found: set[Fault]) -> None:
    if Fault.FILE_THREATENED in found:  # before anything works the journal off
        spare(organization)
    if Fault.FILE_DELETION_OVERDUE in found:
        files.remove_due()
    now = check_files(organization)
    if Fault.FILE_LOST in found:
        bring_back(now.lost)
    if Fault.FILE_WITHOUT_ROW in found:
        set_aside(now.without_row)


def _mend_history(organization: Organization) -> None:
    mend_history(organization.pk)


# In this order: the history first, since the other steps count it on; then the words, which steps
# after them write to; rows before what is made from rows; last this process's copy and snapshot.
_STEPS = (
    _Step(_mend_history, frozenset({Fault.HISTORY_BROKEN, Fault.HISTORY_TOO_LONG})),
    _Step(
        _mend_words,
        frozenset(
            {Fault.WORDS_MISSING, Fault.WORDS_EXTRA, Fault.WORDS_ALTERED, Fault.WORDS_DAMAGED}
        ),
    ),
    _Step(embedding_repair.delete_orphaned, frozenset({Fault.EMBEDDING_ORPHANED})),
    _Step(embedding_repair.place, frozenset({Fault.EMBEDDING_MISPLACED})),
    _Step(embedding_repair.delete_unknown_models, frozenset({Fault.EMBEDDING_UNKNOWN_MODEL})),
    _Step(document_repair.remove_unfinished_text, frozenset({Fault.DOCUMENT_UNFINISHED_WITH_TEXT})),
    _Step(document_repair.read_again, frozenset({Fault.DOCUMENT_INCOMPLETE})),
    _Step(document_repair.take_text_of_pages, frozenset({Fault.CHUNK_ALTERED})),
    _Step(document_repair.count_again, frozenset({Fault.DOCUMENT_MISCOUNTED})),
    _Step(
        embedding_repair.embed,
        frozenset(
            {
                Fault.EMBEDDING_MISSING,
                Fault.EMBEDDING_WRONG_DIMENSION,
                Fault.EMBEDDING_NOT_FINITE,
                Fault.EMBEDDING_NOT_UNIT,
                Fault.CHUNK_ALTERED,
            }
        ),
    ),
    _Step(
        _take_new_copies,
        frozenset(
            {
                Fault.VECTOR_MISSING,
                Fault.VECTOR_EXTRA,
                Fault.VECTOR_DUPLICATE,
                Fault.VECTOR_ALTERED,
            }
        ),
    ),
    _Step(
        _rebuild_vectors,
        frozenset({Fault.SNAPSHOT_UNUSABLE, Fault.SNAPSHOT_NOT_WRITTEN, Fault.HISTORY_BROKEN}),
    ),
    _Step(document_repair.release, frozenset({Fault.DOCUMENT_PAST_LEASE})),
)
