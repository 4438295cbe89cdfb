"""The index on disk, to start fast from: written beside and renamed, and never trusted unread."""

import datetime
import fcntl
import json
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from logging import getLogger
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
from django.conf import settings

from knowledge.lib.faults import FaultPoint, passing
from rag.index.faiss_copy import Base
from rag.index.faiss_files import (
    ArrayWriter,
    Checksum,
    MappedFiles,
    read_codes,
    sync,
    write_codes,
)
from rag.index.faiss_manifest import Damaged, Manifest
from rag.index.faiss_parts import Codes
from rag.index.faiss_view import Block, View

logger = getLogger("knowledge.index")

MANIFEST = "manifest.json"
FAILURE = "failure.json"
LOCK = ".lock"
# Vectors of fewer rows are read into memory: a mapping takes an open file, whatever its size.
MAPPED_ROWS = 16_384


class Snapshot:
    """`vector_store/<organization>/<model>/manifest.json`, which names the folder beside it."""

    def __init__(self, organization_id: uuid.UUID, model: str) -> None:
        self.model = model
        self.folder = organization_folder(organization_id) / folder_name(model)
        self.manifest_path = self.folder / MANIFEST
        self.failure_path = self.folder / FAILURE

    def manifest(self) -> Manifest | None:
        """Return the manifest; None when there is none that can be trusted."""
        try:
            return Manifest.read(self.manifest_path)
        except (FileNotFoundError, Damaged):
            return None

    def save(self, view: View, dimension: int, *, exact_rows: int, wait: bool = False) -> bool:
        """Write all rows of the view; a crash at any moment leaves the old snapshot or the new.

        Args:
            exact_rows: of more rows than these, the codes are written as well.
            wait: for another process that is writing; if not, it is left to that one.

        Returns:
            False when it was not written: the reason is logged and kept for `failure`.
        """
        target = f"{view.version}-{uuid.uuid4().hex[:8]}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._writing(wait=wait) as mine:
                if mine:
                    self._write(view, dimension, target, with_codes=view.rows > exact_rows)
                return mine
        except OSError as error:
            for name in (target, f"{target}.new"):
                remove(self.folder / name)
            logger.error("snapshot not written", extra={"model": self.model}, exc_info=error)
            self._note(error)
            return False

    def load(self, dimension: int) -> Base | None:
        """Return what is stored; None when it is absent, torn, altered or of another model."""
        try:
            manifest = Manifest.read(self.manifest_path)
            self.verify(manifest, dimension)
            return _Reader(self.folder / manifest.folder, manifest).base()
        except FileNotFoundError as error:
            if self.manifest_path.exists():
                logger.warning("snapshot incomplete", exc_info=error)
        except (Damaged, OSError, RuntimeError, ValueError) as error:  # FAISS raises RuntimeError
            logger.warning("snapshot not used", extra={"reason": str(error)})
        return None

    def verify(self, manifest: Manifest, dimension: int) -> None:
        """Read everything and compare it with the manifest.

        Raises:
            Damaged: something is not as it was written, or of another model.
            OSError: a file cannot be read.
        """
        if (manifest.model, manifest.dimension) != (self.model, dimension):
            raise Damaged(f"it is of the model {manifest.model}")
        folder = self.folder / manifest.folder
        wanted = {name: Checksum(**fields) for name, fields in manifest.files.items()}
        with ThreadPoolExecutor(2) as pool:  # hashing does not hold Python's lock
            found = dict(
                zip(wanted, pool.map(lambda name: Checksum.of(folder / name), wanted), strict=True)
            )
        if wrong := sorted(name for name in wanted if found[name] != wanted[name]):
            raise Damaged(f"{', '.join(wrong)}: not what was written")

    def failure(self) -> str:
        """Return why the last attempt to write failed; empty when it did not."""
        try:
            fields = json.loads(self.failure_path.read_text(encoding="utf-8"))
            return f"{fields['at']}: {fields['error']}"
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, TypeError, KeyError):
            return "The last attempt to write failed."

    def _write(self, view: View, dimension: int, target: str, *, with_codes: bool) -> None:
        folder = self.folder / target
        folder.mkdir()
        scales, files = _write_rows(view, dimension, folder, with_codes=with_codes)
        sync(folder)
        passing(FaultPoint.SNAPSHOT_INDEX_WRITTEN)
        manifest = Manifest(
            view.version,
            str(view.token),
            self.model,
            dimension,
            view.rows,
            datetime.datetime.now(tz=datetime.UTC).timestamp(),
            target,
            scales,
            {name: asdict(checksum) for name, checksum in files.items()},
        )
        beside = self.folder / f"{target}.new"
        beside.write_text(manifest.text(), encoding="utf-8")
        sync(beside)
        passing(FaultPoint.SNAPSHOT_MANIFEST_WRITTEN)
        beside.replace(self.manifest_path)
        sync(self.folder)
        passing(FaultPoint.SNAPSHOT_RENAMED)
        for path in self.folder.iterdir():
            if path.name not in {MANIFEST, LOCK, target}:
                remove(path)

    def _note(self, error: OSError) -> None:
        """Leave word for the other processes, if as little as that can still be written."""
        now = datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds")
        fields = {"at": now, "error": error.strerror or str(error)}
        try:
            self.failure_path.write_text(json.dumps(fields), encoding="utf-8")
        except OSError:
            logger.warning("failure not noted", extra={"model": self.model})

    @contextmanager
    def _writing(self, *, wait: bool) -> Iterator[bool]:
        """Keep other processes from writing; the lock goes with a process that dies."""
        with (self.folder / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True


@dataclass
class _Reader:
    """Reads the files of a snapshot that were found to be what was written."""

    folder: Path
    manifest: Manifest
    mapped: bool = field(init=False)

    def __post_init__(self) -> None:
        self.mapped = self.manifest.count > MAPPED_ROWS

    def base(self) -> Base:
        manifest = self.manifest
        block = Block(
            self._array("keys"),
            self._array("counts"),
            self._array("ids", mapped=self.mapped),
            self._array("vectors", mapped=self.mapped),
            tuple(
                Codes(read_codes(self.folder / _codes_name(number), mapped=self.mapped), scale)
                for number, scale in enumerate(manifest.scales)
            ),
            mapped=self.mapped,
        )
        paths = [self.folder / name for name in manifest.files]
        files = MappedFiles(paths) if self.mapped else None
        return Base(manifest.version, uuid.UUID(manifest.token), block, files)

    def _array(self, name: str, *, mapped: bool = False) -> Any:
        path = self.folder / f"{name}.npy"
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)


def organization_folder(organization_id: uuid.UUID) -> Path:
    """Return where the snapshots of an organization lie."""
    return Path(settings.VECTOR_STORE_DIR) / str(organization_id)


def folder_name(model: str) -> str:
    """Return a name for the model's folder, from which no path can be made."""
    name = quote(model, safe="")
    return f"%2E{name[1:]}" if name.startswith(".") else name


def model_of(path: Path) -> str:
    """Return the model whose folder this would be."""
    return unquote(path.name)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; that it has gone already is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _codes_name(number: int) -> str:
    return f"codes-{number}.faiss"


def _write_rows(
    view: View, dimension: int, folder: Path, *, with_codes: bool
) -> tuple[list[float], dict[str, Checksum]]:
    """Write keys, counts, ids, vectors and codes; return the codes' scales and the checksums."""
    keys, runs = view.documents.all()
    counts = view.documents.runs.get(runs)[2]
    rows = int(counts.sum())
    scales: list[float] = []
    files: dict[str, Checksum] = {}
    with ExitStack() as stack:

        def array(name: str, dtype: str, shape: tuple[int, ...]) -> ArrayWriter:
            return stack.enter_context(ArrayWriter(folder / f"{name}.npy", dtype, shape))

        arrays = {
            "keys": array("keys", "<u8", (len(keys), 2)),
            "counts": array("counts", "<i8", (len(keys),)),
            "ids": array("ids", "<i8", (rows,)),
            "vectors": array("vectors", "<f4", (rows, dimension)),
        }
        arrays["keys"].add(keys)
        arrays["counts"].add(counts)
        for number, block in enumerate(view.blocks(keys, runs)):
            arrays["ids"].add(block.ids)
            arrays["vectors"].add(block.vectors)
            if with_codes:
                codes = Codes.of(block.vectors)
                name = _codes_name(number)
                files[name] = write_codes(codes.index, folder / name)
                scales.append(codes.scale)
        files |= {f"{name}.npy": writer.finish() for name, writer in arrays.items()}
    return scales, files
