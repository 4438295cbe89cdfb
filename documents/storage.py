"""The local file storage: a file is on the disk, not only in a cache, when `save` returns."""

import os
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage


class DurableFileSystemStorage(FileSystemStorage):
    """Django's local storage, which waits for the disk: an accepted upload survives a power cut."""

    def _save(self, name: str, content: Any) -> str:
        folder = Path(self.location)
        is_new = not folder.is_dir()
        stored: str = super()._save(name, content)  # type: ignore[misc]
        path = Path(self.path(stored))
        _sync(path)
        _sync(path.parent)
        if is_new:
            _sync(folder.parent)
        return stored

    def sync_removals(self) -> None:
        """Wait until what was deleted is gone from the disk; one wait for any number of files.

        Otherwise a power cut could bring back a file that no row knows any more.
        """
        folder = Path(self.location)
        if folder.is_dir():
            _sync(folder)


def _sync(path: Path) -> None:
    """Write a file's content, or a folder's entries, through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
