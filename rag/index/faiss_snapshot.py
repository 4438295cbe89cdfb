"""The index on disk, to start fast from: written beside and renamed, and never trusted unread."""

import hashlib
import json
import os
import uuid
from dataclasses import asdict, dataclass
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings

from knowledge.lib.faults import FaultPoint, passing
from rag.embedding.base import Vectors

logger = getLogger("knowledge.index")


@dataclass(frozen=True)
class Manifest:
    """What the index file is.

    Attributes:
        version: of the organization's index when it was written.
        count: how many vectors.
        sha256: of the index file.
    """

    version: int
    model: str
    dimension: int
    count: int
    sha256: str
    file: str


@dataclass(frozen=True)
class StoredIndex:
    """Ids and vectors of a snapshot that passed its checks, row by row."""

    version: int
    ids: npt.NDArray[np.int64]
    vectors: Vectors


class Snapshot:
    """`vector_store/<organization>/manifest.json`, which names the index file beside it."""

    def __init__(self, organization_id: uuid.UUID) -> None:
        self._folder = Path(settings.VECTOR_STORE_DIR) / str(organization_id)
        self._manifest = self._folder / "manifest.json"

    def manifest(self) -> Manifest | None:
        """Return the manifest; None when there is none that can be read."""
        try:
            fields = json.loads(self._manifest.read_text(encoding="utf-8"))
            return Manifest(**fields)
        except (OSError, ValueError, TypeError):
            return None

    def save(self, index: Any, *, model: str, dimension: int, version: int) -> None:
        """Write the index, then the manifest that names it; a crash between leaves the old pair."""
        import faiss

        self._folder.mkdir(parents=True, exist_ok=True)
        # A name of its own for each version: the old manifest's file stays whole until the end.
        path = self._folder / f"index-{version}-{uuid.uuid4().hex[:8]}.faiss"
        faiss.write_index(index, str(path))
        _sync(path)
        passing(FaultPoint.SNAPSHOT_INDEX_WRITTEN)
        manifest = Manifest(version, model, dimension, int(index.ntotal), _sha256(path), path.name)
        beside = self._manifest.with_suffix(f".{uuid.uuid4().hex[:8]}.new")
        beside.write_text(json.dumps(asdict(manifest), indent=2), encoding="utf-8")
        _sync(beside)
        passing(FaultPoint.SNAPSHOT_MANIFEST_WRITTEN)
        beside.replace(self._manifest)
        _sync(self._folder)
        passing(FaultPoint.SNAPSHOT_RENAMED)
        for old in self._folder.glob("index-*.faiss"):
            if old != path:
                old.unlink(missing_ok=True)

    def load(self, *, model: str, dimension: int) -> StoredIndex | None:
        """Return what is stored, or None when it is absent, torn, altered or of another model."""
        manifest = self.manifest()
        if manifest is None:
            return None
        if (manifest.model, manifest.dimension) != (model, dimension):
            logger.info("snapshot of another model", extra={"model": manifest.model})
            return None
        path = self._folder / Path(manifest.file).name
        try:
            if _sha256(path) != manifest.sha256:
                logger.warning("snapshot damaged", extra={"version": manifest.version})
                return None
            return _read(path, manifest)
        except (OSError, RuntimeError, ValueError):  # FAISS raises RuntimeError
            logger.warning("snapshot unreadable", extra={"version": manifest.version})
            return None


def _read(path: Path, manifest: Manifest) -> StoredIndex:
    import faiss

    index = faiss.read_index(str(path))
    if not isinstance(index, faiss.IndexIDMap2) or index.ntotal != manifest.count:
        raise ValueError("not the index that the manifest describes")
    flat: Any = faiss.downcast_index(index.index)
    vectors = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d).reshape(-1, flat.d)
    return StoredIndex(manifest.version, faiss.vector_to_array(index.id_map), vectors.copy())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Make the file or folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
