"""Limits on what a person and an organization keep: named, early, and exact in parallel."""

import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from documents import leases
from documents.attachments import store_attachments
from documents.exceptions import AlreadyUploaded
from documents.extraction.base import Attachment
from documents.models import Document
from documents.services import delete_document, upload_document
from knowledge.lib.errors import TooLarge, Unprocessable

pytestmark = pytest.mark.django_db
ApiAs = Callable[[User | None], APIClient]


def send(client: Any, content: bytes, name: str = "a.txt") -> Any:
    file = SimpleUploadedFile(name, content)
    return client.post("/api/documents", {"file": file}, format="multipart")


@pytest.mark.parametrize(
    ("setting", "most", "status"),
    [
        ("MAX_USER_DOCUMENTS", 1, 422),
        ("MAX_USER_BYTES", 7, 413),
        ("MAX_ORGANIZATION_DOCUMENTS", 1, 422),
        ("MAX_ORGANIZATION_BYTES", 7, 413),
    ],
)
def test_a_refusal_names_its_limit_and_leaves_neither_row_nor_file(
    owner: User, api_as: ApiAs, settings: Any, media: Any, setting: str, most: int, status: int
) -> None:
    assert send(api_as(owner), b"first").status_code == 201
    setattr(settings, setting, most)
    answer = send(api_as(owner), b"second")
    assert answer.status_code == status
    details = answer.json()["error"]["details"]
    unit = "limit_bytes" if "BYTES" in setting else "limit"
    assert details == {unit: most, "limit_name": setting}
    assert Document.objects.count() == len(list(media.rglob("*.txt"))) == 1


def test_a_file_over_what_is_left_is_dropped_while_it_arrives(
    owner: User, api_as: ApiAs, settings: Any, monkeypatch: Any
) -> None:
    def stored(**_: Any) -> None:
        raise AssertionError("the whole file was kept before it was refused")

    settings.MAX_USER_BYTES = 100
    monkeypatch.setattr("documents.services.upload_document", stored)
    assert send(api_as(owner), b"x" * 101).status_code == 413


def test_the_form_says_the_same(
    owner: User, page_as: Callable[[User], Client], settings: Any, upload: Any
) -> None:
    upload()
    settings.MAX_USER_DOCUMENTS = 1
    file = SimpleUploadedFile("b.txt", b"b")
    answer = page_as(owner).post("/documents/upload", {"file": file, "visibility": "private"})
    assert answer.status_code == 422
    assert "You may keep 1 documents" in answer.content.decode()


def test_a_next_version_is_no_document_more(
    owner: User, api_as: ApiAs, settings: Any, upload: Any
) -> None:
    document = upload(b"old")
    settings.MAX_USER_DOCUMENTS = 1
    file = SimpleUploadedFile("b.txt", b"new")
    address = f"/api/documents/{document.pk}/versions"
    assert api_as(owner).post(address, {"file": file}, format="multipart").status_code == 202


def test_each_person_has_their_own_and_all_share_the_organizations(
    owner: User, colleague: User, outsider: User, settings: Any, upload: Any
) -> None:
    settings.MAX_USER_DOCUMENTS, settings.MAX_ORGANIZATION_DOCUMENTS = 2, 3
    for person in (owner, owner, colleague, outsider):
        upload(owner=person)
    with pytest.raises(Unprocessable, match="You may keep 2 documents"):
        upload(owner=owner)
    with pytest.raises(Unprocessable, match="Your organization may keep 3 documents"):
        upload(owner=colleague)
    upload(owner=outsider)


def test_deleting_makes_room(owner: User, admin: User, settings: Any, upload: Any) -> None:
    settings.MAX_USER_BYTES = 40
    document = upload(b"x" * 40)
    with pytest.raises(TooLarge):
        upload(b"y")
    delete_document(document=document, actor=admin)
    upload(b"y")


def test_what_is_there_already_is_led_to_also_without_room(
    owner: User, upload: Any, settings: Any
) -> None:
    upload(b"same")
    settings.MAX_USER_DOCUMENTS = 1
    with pytest.raises(AlreadyUploaded):
        upload_document(owner=owner, file=io.BytesIO(b"same"), filename="b.txt")


def test_attachments_count_and_those_without_room_are_named(
    owner: User, upload: Any, settings: Any
) -> None:
    settings.MAX_USER_DOCUMENTS = 2
    message = upload(b"From: a@b.c\n\nHello", "mail.eml")
    [lease] = leases.claim(limit=1)
    files = [Attachment(f"{name}.txt", name.encode()) for name in "ab"]
    warnings = store_attachments(lease=lease, document=message, attachments=files)
    assert [one.filename for one in message.attachments.all()] == ["a.txt"]
    [warning] = warnings
    assert "“b.txt” was left out. You may keep 2 documents" in warning


def test_the_upload_page_shows_use_and_limit_where_one_is_set(
    owner: User, page_as: Callable[[User], Client], settings: Any, upload: Any
) -> None:
    upload(b"x" * 2048)
    assert "You have" not in page_as(owner).get("/documents/upload").content.decode()
    settings.MAX_USER_DOCUMENTS, settings.MAX_ORGANIZATION_BYTES = 1, 4096
    said = page_as(owner).get("/documents/upload").content.decode()
    assert "You have 1 of 1 documents." in said
    assert "No more can be uploaded." in said
    assert "Your organization has used 2.0 KB of 4.0 KB." in said


@pytest.mark.django_db(transaction=True)
def test_fifty_parallel_uploads_cannot_pass_a_limit(
    owner: User, colleague: User, settings: Any, media: Any
) -> None:
    settings.MAX_USER_DOCUMENTS, settings.MAX_ORGANIZATION_BYTES = 20, 30 * 10
    outcomes: list[str] = []

    def upload(number: int) -> None:
        person = owner if number % 2 else colleague
        try:
            upload_document(
                owner=person,
                file=io.BytesIO(b"%010d" % number),
                filename="a.txt",
                ingest=False,
            )
            outcomes.append("taken")
        except (Unprocessable, TooLarge) as refusal:
            outcomes.append(refusal.details["limit_name"])
        finally:
            connection.close()

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 50
    assert outcomes.count("taken") == Document.objects.count() == len(list(media.rglob("*.txt")))
    assert Document.objects.count() == 30
    assert max(Document.objects.filter(uploaded_by=one).count() for one in (owner, colleague)) <= 20
