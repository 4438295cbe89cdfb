"""What of a file could not be read is kept with the document and told to whoever looks at it."""

import pytest

from documents import leases, services
from documents.models import Document

pytestmark = pytest.mark.django_db

HIDDEN = "The hidden sheet “<b>Old</b>” was left out."


def complete(document: Document, *warnings: str) -> Document:
    leases.complete(document, title="", page_count=1, chunk_count=1, warnings=warnings)
    document.refresh_from_db()
    return document


def test_they_are_on_the_page_in_the_list_and_in_the_api(upload, owner, page_as, api_as):
    document = complete(upload(), HIDDEN)
    shown = "The hidden sheet “&lt;b&gt;Old&lt;/b&gt;” was left out."
    assert shown in page_as(owner).get(f"/documents/{document.pk}").content.decode()
    assert "not all of it read" in page_as(owner).get("/documents/").content.decode()
    assert api_as(owner).get(f"/api/documents/{document.pk}").json()["warnings"] == [HIDDEN]


def test_without_any_nothing_is_said(upload, owner, page_as):
    document = complete(upload())
    page = page_as(owner).get(f"/documents/{document.pk}").content.decode()
    assert "Not everything in this file could be read" not in page
    assert "not all of it read" not in page_as(owner).get("/documents/").content.decode()


def test_they_are_of_bounded_number_and_length(upload):
    document = complete(upload(), *["x" * 5_000] * 500)
    assert len(document.warnings) == 50
    assert {len(warning) for warning in document.warnings} == {1_000}


def test_a_new_reading_and_a_retry_forget_those_of_before(upload, owner):
    document = complete(upload(), HIDDEN)
    assert complete(document).warnings == []
    complete(document, HIDDEN)
    Document.objects.update(status="failed")
    assert services.retry_document(document=document, actor=owner).warnings == []
    document.refresh_from_db()
    assert document.warnings == []
