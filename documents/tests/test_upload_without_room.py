"""An upload that finds no room on the disk is told so, and leaves nothing behind."""

import errno
import io
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from documents.models import Document, FileDeletion
from documents.storage import DurableFileSystemStorage
from documents.tests.conftest import stored_files


class FullStorage(DurableFileSystemStorage):
    """Has room for the first bytes of a file alone."""

    def _save(self, name: str, content: Any) -> str:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"the first by")
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(autouse=True)
def full_storage(settings: Any, media: Path) -> None:
    name = f"{FullStorage.__module__}.{FullStorage.__qualname__}"
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": name}}


def plan() -> io.BytesIO:
    file = io.BytesIO(b"The plan.")
    file.name = "plan.txt"
    return file


def test_a_script_is_told_507(owner: User, api_as: Any, media: Path) -> None:
    response = api_as(owner).post("/api/documents", {"file": plan()}, format="multipart")
    assert (response.status_code, response.json()["error"]["code"]) == (507, "storage_full")
    assert not Document.objects.exists()
    assert stored_files(media) == set()
    assert not FileDeletion.objects.exists()


def test_a_person_reads_it_in_a_sentence(owner: User, page_as: Any, media: Path) -> None:
    response = page_as(owner).post("/documents/upload", {"file": plan(), "visibility": "private"})
    assert "no room left" in response.content.decode()
    assert stored_files(media) == set()
    assert not Document.objects.exists()
