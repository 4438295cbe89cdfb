"""The index seams: nearest vectors and matching words, always within a set of documents."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Self

from documents.models import DocumentChunk
from rag.embedding.base import Vectors
from rag.index.scope import Scope
from rag.models import OrganizationIndex

# How many keys of each kind of fault are named.
EXAMPLES = 5


@dataclass(frozen=True)
class Hit:
    """A chunk that was found.

    Attributes:
        chunk_id: key of the DocumentChunk.
        score: higher is nearer; comparable only inside one result.
    """

    chunk_id: int
    score: float


@dataclass(frozen=True)
class SnapshotHealth:
    """What is on the disk to start fast from.

    Attributes:
        condition: `current`, `behind` (good, and the changes since are applied at load), `missing`,
            `damaged` or `foreign` (of another model or another history of the database). Whatever
            is not the first two is rebuilt from the rows at the next load.
        version: of the index when it was written; None when it cannot be told.
        age_s: seconds since it was written; None when there is none.
        count: vectors in it.
        size: bytes on the disk.
        last_error: when and why the last attempt to write one failed; empty when it did not. Until
            one succeeds, searches go on and the next start takes longer.
    """

    condition: str
    version: int | None = None
    age_s: float | None = None
    count: int = 0
    size: int = 0
    last_error: str = ""


@dataclass(frozen=True)
class IndexHealth:
    """What an index holds against what the rows say it should.

    Attributes:
        index_type: the structure now in use, in its backend's words.
        model, dimension: of the vectors it holds; None for an index of words.
        in_memory_version: the version of this process's copy; None when it holds none.
        entries: how many it holds, removed ones not counted.
        expected: rows in the database that it should hold.
        present: of those, how many it holds.
        missing: rows that it lacks.
        extra: entries without a row.
        duplicate: entries beyond the first for one row.
        altered: entries whose content is not the row's.
        snapshot: None where the index lives in the database.
        damaged: its inner structure is broken: only a rebuild helps.
        examples: keys of a few chunks by the name of the count that they are of.
    """

    backend: str
    index_type: str
    in_memory_version: int | None
    entries: int
    expected: int
    present: int
    missing: int
    extra: int
    duplicate: int = 0
    altered: int = 0
    model: str | None = None
    dimension: int | None = None
    snapshot: SnapshotHealth | None = None
    damaged: bool = False
    examples: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @classmethod
    def compare(
        cls,
        backend: str,
        *,
        index_type: str,
        expected: Set[int],
        held: Sequence[int],
        **details: Any,
    ) -> Self:
        """Count what an index that holds `held` has of `expected`, by the keys of chunks."""
        distinct = set(held)
        return cls(
            backend=backend,
            index_type=index_type,
            in_memory_version=details.pop("in_memory_version", None),
            entries=len(held),
            expected=len(expected),
            present=len(expected & distinct),
            missing=len(expected - distinct),
            extra=len(distinct - expected),
            duplicate=len(held) - len(distinct),
            **details,
        )

    @property
    def faults(self) -> int:
        """How many entries are not as they should be."""
        return self.missing + self.extra + self.duplicate + self.altered + self.damaged


class VectorIndex(ABC):
    """Finds the nearest chunks of one organization."""

    @abstractmethod
    def search(
        self, vector: Vectors, *, k: int, state: OrganizationIndex, within: Scope
    ) -> list[Hit]:
        """Return the k nearest chunks of the documents in `within`, nearest first.

        SECURITY: `within` is required, and is what keeps a search inside what the asker may read;
        an empty one means no hits. The score is the cosine.

        Args:
            vector: float32 of unit length, shape (dimension,).
            k: how many, at least 1.
            state: of the organization's index, read for this search: a copy that is at another
                version is brought there first. Its model is the one that is searched.
            within: the documents whose chunks may be returned.

        Raises:
            Unavailable: the index is being loaded, and that takes too long to wait for.
        """

    @abstractmethod
    def rebuild(self, organization_id: uuid.UUID) -> None:
        """Make this process's copy and the snapshot anew from the rows, without the embedder."""

    @abstractmethod
    def health(self, organization_id: uuid.UUID) -> IndexHealth:
        """Compare the index with the rows."""

    def warm_up(self, state: OrganizationIndex) -> None:  # noqa: B027
        """Load what the first search would load; nothing where the index lives in the database."""

    def prepare(self, organization_id: uuid.UUID, model: str) -> None:  # noqa: B027
        """Make ready what the first search with another model would load.

        Queries go on with the model in use, and what is stored of its index stays. Vectors of the
        other model that are written later are told by the changes of the switch.
        """

    def forget(self, organization_id: uuid.UUID) -> None:  # noqa: B027
        """Let go of this process's copy, where it holds one: a worker searches nothing."""

    def discard(self, organization_id: uuid.UUID) -> None:
        """Remove what is kept of an organization that goes, besides the rows."""
        self.forget(organization_id)

    def refresh_snapshot(self, organization_id: uuid.UUID) -> None:  # noqa: B027
        """Write what makes the next start fast, when what is written lies far enough behind.

        Nothing where the index lives in the database.
        """


@dataclass(frozen=True)
class Differences:
    """Keys of chunks that a table of words lacks, has without a row, or has with other content."""

    missing: list[int]
    extra: list[int]
    altered: list[int]

    @property
    def keys(self) -> list[int]:
        """All of them, each once."""
        return sorted({*self.missing, *self.extra, *self.altered})

    @property
    def examples(self) -> dict[str, list[int]]:
        """The first few of each kind."""
        return {kind: keys[:EXAMPLES] for kind, keys in vars(self).items()}


class LexicalIndex(ABC):
    """Finds chunks by their words; lives in the database and so in the caller's transaction."""

    @abstractmethod
    def add(self, organization_id: uuid.UUID, chunks: Sequence[DocumentChunk], title: str) -> None:
        """Index the chunks of one document, in the caller's transaction."""

    @abstractmethod
    def remove(self, organization_id: uuid.UUID, document_ids: Sequence[uuid.UUID]) -> None:
        """Take the documents' chunks out, before their rows go, in the caller's transaction."""

    def discard(self, organization_id: uuid.UUID) -> None:  # noqa: B027
        """Remove what is kept of an organization that goes, whose chunks are gone already."""

    @abstractmethod
    def search(
        self,
        query: str,
        *,
        k: int,
        state: OrganizationIndex,
        within: Scope,
        also: Sequence[str] = (),
        phrases: Sequence[str] = (),
    ) -> list[Hit]:
        """Return the k chunks that match best (BM25), best first; `within` as in VectorIndex.

        Args:
            also: further words or short phrases that match, such as another spelling of a number.
            phrases: words that have to stand in a chunk, its title or its heading, in this order.
        """

    @abstractmethod
    def rarity(self, query: str, *, state: OrganizationIndex) -> dict[str, float]:
        """Return how much each word of a query tells: few of the organization's chunks have it."""

    @abstractmethod
    def unknown(self, query: str, *, state: OrganizationIndex, within: Scope) -> list[str]:
        """Return the words of a query, in letters alone, that `within` has in no form.

        SECURITY: what others' documents hold counts only where the organization uses a word all
        the time.
        """

    @abstractmethod
    def corrections(self, query: str, *, state: OrganizationIndex, within: Scope) -> dict[str, str]:
        """Return what words of a query that `within` does not hold may have been meant to be.

        SECURITY: only words that `within` holds are returned.
        """

    @abstractmethod
    def rebuild(self, organization_id: uuid.UUID) -> None:
        """Index every chunk of the organization anew."""

    @abstractmethod
    def health(self, organization_id: uuid.UUID) -> IndexHealth:
        """Compare the index with the rows."""

    @abstractmethod
    def is_sound(self, organization_id: uuid.UUID) -> bool:
        """Check the inner structure, which `health` trusts; it may keep writers waiting.

        FTS5 takes 10 s for a million chunks.
        """

    @abstractmethod
    def repair(self, organization_id: uuid.UUID) -> None:
        """Index anew what differs from the rows, or everything where the structure is broken."""
