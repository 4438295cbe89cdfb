"""What the document tests share: a storage of their own, clients, and quick uploads."""

import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from documents import services
from documents.models import Document

Upload = Callable[..., Document]


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT, settings.PAGE_CACHE_DIR = tmp_path / "media", tmp_path / "page_cache"
    return tmp_path / "media"


@pytest.fixture
def api_as() -> Callable[[User | None], APIClient]:
    def client(user: User | None) -> APIClient:
        made = APIClient()
        if user is not None:
            made.force_authenticate(user)
        return made

    return client


@pytest.fixture
def upload(owner: User) -> Upload:
    """Uploads; the same bytes once more with a line end added, since equal ones are refused."""
    times: Counter[tuple[User, bytes]] = Counter()

    def uploaded(
        content: bytes = b"Trains are booked a week ahead.\n",
        filename: str = "travel.txt",
        **given: Any,
    ) -> Document:
        given.setdefault("owner", owner)
        before = times[given["owner"], content]
        times[given["owner"], content] += 1
        content += b"\n" * before
        return services.upload_document(file=io.BytesIO(content), filename=filename, **given)

    return uploaded


@pytest.fixture
def completed(upload: Upload) -> Upload:
    """A document with two pages and a chunk on each, as ingestion leaves it."""

    def made(**given: Any) -> Document:
        document = upload(**given)
        for number, text in enumerate(["First page.\nBooked <b>early</b>.", "Second page."], 1):
            document.pages.create(number=number, text=text)
            document.chunks.create(
                chunk_index=number - 1, page=number, start=0, end=len(text), text=text
            )
        Document.objects.filter(pk=document.pk).update(
            status="completed", page_count=2, chunk_count=2
        )
        document.refresh_from_db()
        return document

    return made


@pytest.fixture
def failed(upload: Upload) -> Upload:
    def made(**given: Any) -> Document:
        document = upload(**given)
        Document.objects.filter(pk=document.pk).update(
            status="failed", attempts=4, error_code="scanned", error_message="It has no text."
        )
        document.refresh_from_db()
        return document

    return made


def stored_files(media: Path) -> set[str]:
    return {path.name for path in media.rglob("*") if path.is_file()}
