"""Compares a copy and a snapshot with the rows, as they are and without mending anything."""

import time
import uuid
from dataclasses import dataclass, field, replace

import numpy as np

from rag.index.base import EXAMPLES, IndexHealth, SnapshotHealth
from rag.index.faiss_copy import IndexCopy
from rag.index.faiss_documents import Keys, pack
from rag.index.faiss_manifest import Damaged, Manifest
from rag.index.faiss_parts import Rows, spread
from rag.index.faiss_rows import RowBatch, batches
from rag.index.faiss_snapshot import Snapshot
from rag.index.faiss_steps import continues
from rag.index.faiss_view import View
from rag.models import ChunkEmbedding, OrganizationIndex


@dataclass
class _Held:
    """Every row that a view holds, in the order of the chunks' keys."""

    view: View
    ids: Rows = field(init=False)
    parts: Rows = field(init=False)
    rows: Rows = field(init=False)
    keys: Keys = field(init=False)  # the document of each row

    def __post_init__(self) -> None:
        keys, runs = self.view.documents.all()
        parts, starts, counts = self.view.documents.runs.get(runs)
        rows, parts = spread(starts, counts), np.repeat(parts, counts)
        ids = np.empty(len(rows), dtype=np.int64)
        for number, part in enumerate(self.view.parts):
            here = parts == number
            ids[here] = part.ids[rows[here]]
        order = np.argsort(ids, kind="stable")
        self.ids, self.parts, self.rows = ids[order], parts[order], rows[order]
        self.keys = np.repeat(keys, counts, axis=0)[order]

    def places(self, ids: Rows) -> tuple[Rows, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        """Return where each id stands, and whether it does."""
        if not len(self.ids):
            return np.zeros(len(ids), dtype=np.int64), np.zeros(len(ids), dtype=np.bool_)
        places = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return places, self.ids[places] == ids

    def differing(self, batch: RowBatch) -> Rows:
        """Return the ids that are held with another vector or document than their row has."""
        places, found = self.places(batch.ids)
        places, vectors = places[found], batch.vectors[found]
        keys = pack("".join(np.array(batch.documents, dtype=object)[found]))
        wrong = (self.keys[places] != keys).any(axis=1)
        parts, rows = self.parts[places], self.rows[places]
        for number in np.unique(parts):
            here = np.flatnonzero(parts == number)
            held = self.view.parts[number].vectors[rows[here]]
            wrong[here] |= (held != vectors[here]).any(axis=1)
        ids: Rows = batch.ids[found][wrong]
        return ids

    def miscoded(self) -> Rows:
        """Return the ids whose codes are not those of their vectors."""
        found = [np.empty(0, dtype=np.int64)]
        for number, part in enumerate(self.view.parts):
            if part.codes is not None:
                wrong = part.codes.differing(part.vectors[: part.count])
                here = self.parts == number
                found.append(self.ids[here][wrong[self.rows[here]]])
        return np.concatenate(found)


def compare_with_rows(copy: IndexCopy, state: OrganizationIndex, exact_rows: int) -> IndexHealth:
    """Compare all that the copy holds with all rows of its index."""
    view = copy.view
    held = _Held(view)
    expected, altered = [np.empty(0, dtype=np.int64)], [held.miscoded()]
    rows = ChunkEmbedding.objects.of_index(state.pk, copy.model)
    for batch in batches(rows, copy.dimension):
        # What no copy can use is a fault of the rows, and told as one.
        expected.append(batch.ids)
        altered.append(held.differing(batch))
    wanted = np.concatenate(expected)
    distinct, times = np.unique(held.ids, return_counts=True)
    faults = {
        "missing": np.setdiff1d(wanted, distinct),
        "extra": np.setdiff1d(distinct, wanted),
        "duplicate": distinct[times > 1],
        "altered": np.unique(np.concatenate(altered)),
    }
    return IndexHealth(
        backend="faiss",
        index_type="Flat" if view.rows <= exact_rows else "SQ8, compared exactly",
        in_memory_version=view.version,
        entries=len(held.ids),
        expected=len(wanted),
        present=len(wanted) - len(faults["missing"]),
        missing=len(faults["missing"]),
        extra=len(faults["extra"]),
        duplicate=len(held.ids) - len(distinct),
        altered=len(faults["altered"]),
        model=copy.model,
        dimension=copy.dimension,
        examples={name: ids[:EXAMPLES].tolist() for name, ids in faults.items() if len(ids)},
    )


def with_snapshot(
    health: IndexHealth, snapshot: Snapshot, state: OrganizationIndex, dimension: int
) -> IndexHealth:
    """Add what lies on the disk, whose checksums are computed."""
    return replace(health, snapshot=_of_snapshot(snapshot, state, dimension))


def _of_snapshot(snapshot: Snapshot, state: OrganizationIndex, dimension: int) -> SnapshotHealth:
    last_error = snapshot.failure()
    try:
        manifest = Manifest.read(snapshot.manifest_path)
    except FileNotFoundError:
        return SnapshotHealth("missing", last_error=last_error)
    except Damaged:
        return SnapshotHealth("damaged", last_error=last_error)
    return SnapshotHealth(
        _condition(snapshot, manifest, state, dimension),
        version=manifest.version,
        age_s=max(0.0, time.time() - manifest.written_at),
        count=manifest.count,
        size=sum(checksum["size"] for checksum in manifest.files.values()),
        last_error=last_error,
    )


def _condition(
    snapshot: Snapshot, manifest: Manifest, state: OrganizationIndex, dimension: int
) -> str:
    if (manifest.model, manifest.dimension) != (snapshot.model, dimension):
        return "foreign"
    if not continues(manifest.version, uuid.UUID(manifest.token), state):
        return "foreign"
    try:
        snapshot.verify(manifest, dimension)
    except (Damaged, OSError):
        return "damaged"
    return "current" if manifest.version == state.version else "behind"
