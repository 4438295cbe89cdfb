"""A file of a name that its uploader has already: kept beside it, its next version, or asked."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from documents.exceptions import AlreadyUploaded, SameName
from documents.models import Document
from documents.uploads import Announced, expect_files, open_batch, receive_file
from documents.versions import OnSameName, upload

pytestmark = pytest.mark.django_db


def send(owner, content: str, *, filename: str = "plan.txt", choice=OnSameName.ASK) -> Document:
    file = io.BytesIO(content.encode())
    return upload(owner=owner, file=file, filename=filename, on_same_name=choice)


def test_what_has_changed_under_the_same_name_is_asked_about(owner, colleague):
    first = send(owner, "The plan.")
    with pytest.raises(SameName) as asked:
        send(owner, "Another plan.")
    assert asked.value.details == {"document_id": str(first.pk), "version": 1}
    assert Document.objects.get() == first
    # Another's name says nothing, and neither do bytes that are there.
    assert send(colleague, "Another plan.") != first
    with pytest.raises(AlreadyUploaded):
        send(owner, "The plan.")


def test_it_becomes_the_next_version_or_stays_beside(owner):
    first = send(owner, "The plan.")
    assert send(owner, "Another plan.", choice=OnSameName.VERSION) == first
    assert Document.objects.get(version_of=first).sha256 != first.sha256
    beside = send(owner, "A third plan.", choice=OnSameName.KEEP)
    assert beside.version_of is None
    assert set(Document.objects.without_drafts()) == {first, beside}


def test_a_message_has_no_versions(owner):
    message = "From: a@b.test\nSubject: Plan\n\nThe plan."
    first = send(owner, message, filename="plan.eml")
    assert send(owner, f"{message} Again.", filename="plan.eml") != first


def post(client, content: bytes, **given):
    file = SimpleUploadedFile("plan.txt", content)
    return client.post("/api/documents", {"file": file, **given}, format="multipart")


def test_the_api_keeps_both_and_tells_of_the_other_unless_it_is_told_otherwise(api_as, owner):
    client = api_as(owner)
    first = post(client, b"The plan.")
    assert (first.status_code, first.json()["same_name"]) == (201, None)
    second = post(client, b"Another plan.")
    assert (second.status_code, second.json()["same_name"]) == (201, first.json()["id"])
    asked = post(client, b"A third plan.", same_name="ask")
    assert asked.status_code == 409
    assert asked.json()["error"]["code"] == "same_name"
    assert asked.json()["error"]["details"]["document_id"] == second.json()["id"]
    version = post(client, b"A third plan.", same_name="version")
    assert (version.status_code, version.json()["id"]) == (202, second.json()["id"])
    assert version.json()["new_version"]["status"] == "uploaded"
    assert version.json()["version"] == 1
    assert Document.objects.without_drafts().count() == 2
    assert post(client, b"A fourth plan.", same_name="whatever").status_code == 400


def test_the_api_drops_a_version_that_waits(api_as, owner):
    client = api_as(owner)
    key = post(client, b"The plan.").json()["id"]
    file = SimpleUploadedFile("plan.txt", b"Another plan.")
    answer = client.post(f"/api/documents/{key}/versions", {"file": file}, format="multipart")
    assert answer.status_code == 202
    assert client.delete(f"/api/documents/{key}/versions/new").status_code == 204
    assert client.delete(f"/api/documents/{key}/versions/new").status_code == 409
    assert client.get(f"/api/documents/{key}").json()["new_version"] is None


def test_the_page_lists_versions_and_takes_another(page_as, owner, teammate, team):
    first = send(owner, "The plan.")
    client = page_as(owner)
    file = SimpleUploadedFile("plan.txt", b"Another plan.")
    page = client.post(f"/documents/{first.pk}/versions", {"file": file}, follow=True)
    text = page.content.decode()
    assert "It is in force as soon as it has been read." in text
    assert "Upload a new version" in text
    assert f"/documents/{first.pk}/versions/1/file" in text
    assert "New version · Waiting" in text
    dropped = client.post(f"/documents/{first.pk}/versions/discard", follow=True)
    assert "Version 1 stays in force." in dropped.content.decode()
    again = SimpleUploadedFile("plan.txt", b"The plan.")
    page = client.post(f"/documents/{first.pk}/versions", {"file": again}, follow=True)
    assert "This file is the newest version already." in page.content.decode()


@pytest.mark.parametrize(("choice", "documents"), [("version", 2), ("keep", 3), ("", 3)])
def test_the_plain_form_does_what_was_chosen(page_as, owner, choice, documents):
    first = send(owner, "The plan.")
    files = [SimpleUploadedFile("plan.txt", b"Another plan."), SimpleUploadedFile("b.txt", b"b")]
    given = {"file": files, "visibility": "private", "same_name": choice}
    assert page_as(owner).post("/documents/upload", given).status_code == 302
    assert Document.objects.without_drafts().count() == documents
    assert Document.objects.filter(version_of=first).exists() == (choice == "version")


def test_files_of_one_folder_are_no_versions_of_each_other(owner):
    first = send(owner, "The plan.")
    batch = open_batch(owner=owner, name="share", visibility="private", on_same_name="version")
    files = {
        "a/plan.txt": b"Plan of a.",
        "b/plan.txt": b"Plan of b.",
        "a/n.txt": b"N",
        "n.txt": b"M",
    }
    announced = [Announced(path, len(content), 1) for path, content in files.items()]
    numbers = expect_files(batch=batch, actor=owner, files=announced)
    rows = [
        receive_file(batch=batch, actor=owner, number=number, file=SimpleUploadedFile("x", content))
        for number, content in zip(numbers, files.values(), strict=True)
    ]
    assert rows[0].document == first
    assert len({row.document for row in rows}) == 4
    assert Document.objects.exclude(version_of=None).count() == 1
