"""The documents API: lists, filters, retry, pages, and its schema."""

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from accounts.models import AuditEvent
from documents import services
from documents.models import Document

pytestmark = pytest.mark.django_db


def test_the_list_is_newest_first_in_parts_and_filtered(api_as, upload, owner):
    names = [f"{n}.txt" for n in range(3)]
    for name in names:
        upload(filename=name)
    client = api_as(owner)

    def listed(query: str = "") -> list[str]:
        return [row["filename"] for row in client.get(f"/api/documents{query}").json()["results"]]

    assert listed() == names[::-1]
    assert listed("?search=1.T") == ["1.txt"]
    assert listed("?status=failed") == []
    assert listed("?status=uploaded&page_size=2") == ["2.txt", "1.txt"]
    assert client.get("/api/documents?page_size=2").json()["next"].endswith("page=2&page_size=2")
    refused = client.get("/api/documents?status=done")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid")


def test_the_list_takes_the_same_queries_whatever_its_length(
    api_as, upload, owner, django_assert_max_num_queries
):
    for number in range(20):
        upload(filename=f"{number}.txt")
    with django_assert_max_num_queries(5):
        api_as(owner).get("/api/documents")


def test_a_page_is_its_text(api_as, completed, owner):
    document = completed()
    answer = api_as(owner).get(f"/api/documents/{document.pk}/pages/2")
    assert answer.json() == {
        "document_id": str(document.pk),
        "number": 2,
        "page_count": 2,
        "text": "Second page.",
        "image_url": None,
    }
    assert api_as(owner).get(f"/api/documents/{document.pk}/pages/3").status_code == 404


def test_a_retry_starts_a_failed_document_anew(
    api_as, failed, owner, monkeypatch, django_capture_on_commit_callbacks
):
    rung = []
    monkeypatch.setattr(services, "enqueue_ingestion", rung.append)
    document = failed()
    with django_capture_on_commit_callbacks(execute=True):
        answer = api_as(owner).post(f"/api/documents/{document.pk}/retry")
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["error_message"]) == ("uploaded", "")
    document.refresh_from_db()
    assert (document.attempts, document.error_code, document.next_attempt_at) == (0, "", None)
    assert rung == [document.pk]
    assert AuditEvent.objects.filter(action="document.retried").count() == 1


@pytest.mark.parametrize("status", ["uploaded", "processing", "completed"])
def test_only_a_failed_document_is_retried(api_as, upload, owner, status):
    document = upload()
    Document.objects.update(status=status)
    answer = api_as(owner).post(f"/api/documents/{document.pk}/retry")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert Document.objects.get().status == status


def test_the_schema_describes_every_operation(capsys):
    schema = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(schema)
    mine = {
        (path, method): operation
        for path, operations in schema["paths"].items()
        if path.startswith("/api/documents")
        for method, operation in operations.items()
    }
    assert set(mine) == {
        ("/api/documents", "get"),
        ("/api/documents", "post"),
        ("/api/documents/labels", "get"),
        ("/api/documents/{document_id}", "get"),
        ("/api/documents/{document_id}", "patch"),
        ("/api/documents/{document_id}", "delete"),
        ("/api/documents/{document_id}/retry", "post"),
        ("/api/documents/{document_id}/file", "get"),
        ("/api/documents/{document_id}/readers", "get"),
        ("/api/documents/retry", "post"),
        ("/api/documents/{document_id}/versions", "get"),
        ("/api/documents/{document_id}/versions", "post"),
        ("/api/documents/{document_id}/versions/new", "delete"),
        ("/api/documents/{document_id}/versions/{number}/file", "get"),
        ("/api/documents/{document_id}/pages/{number}", "get"),
        ("/api/documents/{document_id}/pages/{number}/image", "get"),
    }
    assert all(op["tags"] == ["Documents"] and op["summary"] for op in mine.values())
    content = mine["/api/documents", "post"]["requestBody"]["content"]
    assert set(content) == {"multipart/form-data"}
    warnings = capsys.readouterr().err
    assert "documents" not in warnings.lower()
