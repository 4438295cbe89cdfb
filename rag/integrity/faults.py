"""Every kind of fault that a check can find: what it means, and what is done about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

# How many keys of each kind of fault are named.
EXAMPLES = 5


class Fault(StrEnum):
    """A way in which rows, indexes and files can disagree; scripts may rely on these names."""

    # embeddings, as rows
    EMBEDDING_MISSING = "embedding_missing"
    EMBEDDING_WRONG_DIMENSION = "embedding_wrong_dimension"
    EMBEDDING_NOT_FINITE = "embedding_not_finite"
    EMBEDDING_NOT_UNIT = "embedding_not_unit"
    EMBEDDING_UNKNOWN_MODEL = "embedding_unknown_model"
    EMBEDDING_MISPLACED = "embedding_misplaced"
    EMBEDDING_ORPHANED = "embedding_orphaned"
    MODEL_UNAVAILABLE = "model_unavailable"
    # documents, pages and chunks
    CHUNK_ALTERED = "chunk_altered"
    DOCUMENT_INCOMPLETE = "document_incomplete"
    DOCUMENT_MISCOUNTED = "document_miscounted"
    DOCUMENT_UNFINISHED_WITH_TEXT = "document_unfinished_with_text"
    DOCUMENT_PAST_LEASE = "document_past_lease"
    # the steps that processes follow
    HISTORY_BROKEN = "history_broken"
    HISTORY_TOO_LONG = "history_too_long"
    # the copy in memory and the snapshot on the disk
    VECTOR_MISSING = "vector_missing"
    VECTOR_EXTRA = "vector_extra"
    VECTOR_DUPLICATE = "vector_duplicate"
    VECTOR_ALTERED = "vector_altered"
    SNAPSHOT_UNUSABLE = "snapshot_unusable"
    SNAPSHOT_NOT_WRITTEN = "snapshot_not_written"
    # words
    WORDS_MISSING = "words_missing"
    WORDS_EXTRA = "words_extra"
    WORDS_ALTERED = "words_altered"
    WORDS_DAMAGED = "words_damaged"
    # files
    FILE_WITHOUT_ROW = "file_without_row"
    FILE_LOST = "file_lost"
    FILE_OTHER_SIZE = "file_other_size"
    FILE_THREATENED = "file_threatened"
    FILE_DELETION_OVERDUE = "file_deletion_overdue"
    # the database itself
    REFERENCE_BROKEN = "reference_broken"


@dataclass(frozen=True)
class Meaning:
    """What a kind of fault is called.

    Attributes:
        one, many: what is said of one and of more; `{count}` stands for the number.
        advice: what to do, and what a repair does.
        repairable: whether a repair takes it away.
    """

    one: str
    many: str
    advice: str
    repairable: bool = True


@dataclass(frozen=True)
class Finding:
    """A kind of fault that was found, how often, and the keys of a few."""

    kind: Fault
    count: int
    examples: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """One sentence for a person."""
        meaning = MEANINGS[self.kind]
        return (meaning.one if self.count == 1 else meaning.many).format(count=f"{self.count:,}")

    @property
    def advice(self) -> str:
        """What to do about it."""
        return MEANINGS[self.kind].advice

    @property
    def repairable(self) -> bool:
        """Whether a repair takes it away."""
        return MEANINGS[self.kind].repairable


def findings(found: Iterable[tuple[Fault, int, Iterable[object]]]) -> list[Finding]:
    """Return those that were found at all, with at most `EXAMPLES` examples each."""
    return [
        Finding(kind, count, tuple(str(key) for key in list(examples)[:EXAMPLES]))
        for kind, count, examples in found
        if count
    ]


_EMBED_AGAIN = "Repair computes these embeddings anew, from the text of the chunks."
_INDEX_AGAIN = "Repair puts these chunks into the index of words as their rows say."
_RELOAD = "Repair has every process take a new copy of the index from the rows."

MEANINGS: dict[Fault, Meaning] = {
    Fault.EMBEDDING_MISSING: Meaning(
        "1 chunk has no embedding: it is found by its words only.",
        "{count} chunks have no embedding: they are found by their words only.",
        _EMBED_AGAIN,
    ),
    Fault.EMBEDDING_WRONG_DIMENSION: Meaning(
        "1 embedding has not as many numbers as the model gives.",
        "{count} embeddings have not as many numbers as the model gives.",
        _EMBED_AGAIN,
    ),
    Fault.EMBEDDING_NOT_FINITE: Meaning(
        "1 embedding holds something that is not a number.",
        "{count} embeddings hold something that is not a number.",
        _EMBED_AGAIN,
    ),
    Fault.EMBEDDING_NOT_UNIT: Meaning(
        "1 embedding is not of unit length: its scores are wrong.",
        "{count} embeddings are not of unit length: their scores are wrong.",
        _EMBED_AGAIN,
    ),
    Fault.EMBEDDING_UNKNOWN_MODEL: Meaning(
        "1 embedding is of a model that is not configured and of no model change.",
        "{count} embeddings are of a model that is not configured and of no model change.",
        "No search uses them. Repair deletes them.",
    ),
    Fault.EMBEDDING_MISPLACED: Meaning(
        "1 embedding names another document or organization than its chunk.",
        "{count} embeddings name another document or organization than their chunks.",
        "Repair gives them to the document of their chunk. Find out who wrote to the database.",
    ),
    Fault.EMBEDDING_ORPHANED: Meaning(
        "1 embedding is of a chunk that is not there.",
        "{count} embeddings are of chunks that are not there.",
        "Repair deletes them.",
    ),
    Fault.MODEL_UNAVAILABLE: Meaning(
        "The index is of a model that is not configured: no question can be searched by meaning.",
        "The index is of a model that is not configured: no question can be searched by meaning.",
        "Configure the model again, or change the index to another one (manage.py reembed).",
        repairable=False,
    ),
    Fault.CHUNK_ALTERED: Meaning(
        "The text of 1 chunk is not the text of its page.",
        "The text of {count} chunks is not the text of their pages.",
        "Repair takes the text from the page, and embeds and indexes it anew.",
    ),
    Fault.DOCUMENT_INCOMPLETE: Meaning(
        "1 completed document has lost pages or chunks.",
        "{count} completed documents have lost pages or chunks.",
        "Repair has a worker read them again from their files. Where the file is lost too, the"
        " document goes on answering from what is left: upload it again.",
    ),
    Fault.DOCUMENT_MISCOUNTED: Meaning(
        "1 document says that it has another number of pages or chunks than it has.",
        "{count} documents say that they have another number of pages or chunks than they have.",
        "Repair counts them again.",
    ),
    Fault.DOCUMENT_UNFINISHED_WITH_TEXT: Meaning(
        "1 document that is not completed has pages or chunks.",
        "{count} documents that are not completed have pages or chunks.",
        "Nobody can find them. Repair removes these pages and chunks.",
    ),
    Fault.DOCUMENT_PAST_LEASE: Meaning(
        "1 document is with a worker that gave no sign of life for too long.",
        "{count} documents are with workers that gave no sign of life for too long.",
        "See that a worker runs. Repair lets any worker take them; one that wakes up late can no"
        " longer write.",
    ),
    Fault.HISTORY_BROKEN: Meaning(
        "The steps of the index do not lead to its version: processes may have missed changes.",
        "The steps of the index do not lead to its version: processes may have missed changes.",
        "Repair begins a new history, and has every process take a new copy of the index.",
    ),
    Fault.HISTORY_TOO_LONG: Meaning(
        "1 step of the index is kept that no process needs.",
        "{count} steps of the index are kept that no process needs.",
        "See that a worker runs: it forgets them each minute. Repair does it now.",
    ),
    Fault.VECTOR_MISSING: Meaning(
        "1 embedding is not in the copy of the index in memory.",
        "{count} embeddings are not in the copy of the index in memory.",
        _RELOAD,
    ),
    Fault.VECTOR_EXTRA: Meaning(
        "1 vector in memory has no embedding in the database.",
        "{count} vectors in memory have no embedding in the database.",
        _RELOAD,
    ),
    Fault.VECTOR_DUPLICATE: Meaning(
        "1 vector is in memory more than once.",
        "{count} vectors are in memory more than once.",
        _RELOAD,
    ),
    Fault.VECTOR_ALTERED: Meaning(
        "1 vector in memory is not what the database has.",
        "{count} vectors in memory are not what the database has.",
        _RELOAD,
    ),
    Fault.SNAPSHOT_UNUSABLE: Meaning(
        "The snapshot on the disk is damaged or of another index: a start takes longer.",
        "The snapshot on the disk is damaged or of another index: a start takes longer.",
        "It is never used. Repair writes it anew. Look at the disk if it happens again.",
    ),
    Fault.SNAPSHOT_NOT_WRITTEN: Meaning(
        "The last snapshot could not be written: searches go on, a start takes longer.",
        "The last snapshot could not be written: searches go on, a start takes longer.",
        "Look whether the disk is full. Repair writes it, as does the worker each minute.",
    ),
    Fault.WORDS_MISSING: Meaning(
        "1 chunk is not in the index of words: it is found by its meaning only.",
        "{count} chunks are not in the index of words: they are found by their meaning only.",
        _INDEX_AGAIN,
    ),
    Fault.WORDS_EXTRA: Meaning(
        "1 entry in the index of words has no chunk.",
        "{count} entries in the index of words have no chunk.",
        "Nobody can see them. Repair takes them out.",
    ),
    Fault.WORDS_ALTERED: Meaning(
        "1 entry in the index of words has other text, heading, title or document than its chunk.",
        "{count} entries in the index of words have other text, headings, titles or documents than"
        " their chunks.",
        _INDEX_AGAIN,
    ),
    Fault.WORDS_DAMAGED: Meaning(
        "The index of words is damaged inside: words may not be found.",
        "The index of words is damaged inside: words may not be found.",
        "Repair builds it anew beside the damaged one.",
    ),
    Fault.FILE_WITHOUT_ROW: Meaning(
        "1 stored file belongs to no document.",
        "{count} stored files belong to no document.",
        "Repair moves them to the folder without-row/ of the storage and deletes nothing. After a"
        " restored backup they may be uploads that are newer than it.",
    ),
    Fault.FILE_LOST: Meaning(
        "The file of 1 document is not there. Its text still answers; it cannot be downloaded.",
        "The files of {count} documents are not there. Their text still answers; they cannot be"
        " downloaded.",
        "Restore the files from a backup. Repair brings back those that were set aside.",
        repairable=False,
    ),
    Fault.FILE_OTHER_SIZE: Meaning(
        "The file of 1 document has another size than the upload had.",
        "The files of {count} documents have another size than the uploads had.",
        "Restore the files from a backup.",
        repairable=False,
    ),
    Fault.FILE_THREATENED: Meaning(
        "The file of 1 document is in the journal of files to be removed.",
        "The files of {count} documents are in the journal of files to be removed.",
        "Repair takes them out of the journal, so that they stay.",
    ),
    Fault.FILE_DELETION_OVERDUE: Meaning(
        "1 file of a deleted document could not be removed for over an hour.",
        "{count} files of deleted documents could not be removed for over an hour.",
        "See that a worker runs and that it may write to the storage. Repair tries again now.",
    ),
    Fault.REFERENCE_BROKEN: Meaning(
        "1 row refers to another row that is not there.",
        "{count} rows refer to other rows that are not there.",
        "Repair does what the deletion of that other row would have done to pages, chunks,"
        " embeddings and sources; other tables are left to you (PRAGMA foreign_key_check).",
    ),
}
