"""Files of arrays and codes: written with a checksum, read or mapped once the checksum is right."""

import hashlib
import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Checksum:
    """Length in bytes and SHA-256 of a file."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(file.tell(), digest)


class ArrayWriter:
    """Writes one array in numpy's format, piece by piece; durable and summed up at the end."""

    def __init__(self, path: Path, dtype: str, shape: tuple[int, ...]) -> None:
        self._path, self._dtype = path, np.dtype(dtype)
        self._file = path.open("xb")
        self._digest = hashlib.sha256()
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(cast("Any", self), header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._digest.update(data)

    def add(self, values: npt.NDArray[Any]) -> None:
        """Append the values."""
        if values.size:  # an empty array has no memory that could be looked at
            self.write(np.ascontiguousarray(values, dtype=self._dtype).data.cast("B"))

    def finish(self) -> Checksum:
        """Make the file durable."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return Checksum(self._file.tell(), self._digest.hexdigest())


def write_codes(index: Any, path: Path) -> Checksum:
    """Write a FAISS index; an OSError where FAISS reports that the disk cannot take it."""
    import faiss

    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(f"FAISS could not write {path.name}: {error}") from error
    sync(path)
    return Checksum.of(path)


def read_codes(path: Path, *, mapped: bool) -> Any:
    """Return the FAISS index in the file."""
    import faiss

    index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0)
    if not isinstance(index, faiss.IndexScalarQuantizer):
        raise ValueError(f"{path.name} holds a {type(index).__name__}")
    return index


class MappedFiles:
    """Tells whether files that are mapped were changed under the processes that map them.

    Snapshots are replaced, never written to. But whoever does that by hand would make a search read
    other vectors, or end the process where a file became shorter (SIGBUS): so it is looked at
    before each search, which takes some microseconds.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files: list[int] = []
        # Before they are opened, so that those that were are closed if the next cannot be; and not
        # by __del__, which the interpreter may call when `os` has gone.
        weakref.finalize(self, _close, self._files)
        for path in paths:
            self._files.append(os.open(path, os.O_RDONLY))
        self._were = self._are()

    def intact(self) -> bool:
        """Whether lengths and times of change are what they were."""
        return self._are() == self._were

    def _are(self) -> list[tuple[int, int]]:
        now = [os.fstat(file) for file in self._files]
        return [(status.st_size, status.st_mtime_ns) for status in now]


def _close(files: list[int]) -> None:
    for file in files:
        os.close(file)


def sync(path: Path) -> None:
    """Make the file or folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
