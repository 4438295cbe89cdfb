"""A download is the stored bytes, as an attachment that no browser runs."""

import asyncio

import pytest
from asgiref.sync import sync_to_async

from accounts.models import AuditEvent
from documents import services
from documents.downloads import download
from documents.models import Document
from knowledge.lib.errors import NotFound

pytestmark = pytest.mark.django_db

HOSTILE = b"<html><script>alert(1)</script></html>"


@pytest.mark.parametrize("prefix", ["/api/documents", "/documents"])
def test_a_download_is_an_attachment_that_nothing_runs(client, upload, owner, prefix):
    document = upload(HOSTILE, "page.html")
    client.force_login(owner)
    answer = client.get(f"{prefix}/{document.pk}/file")
    assert b"".join(answer.streaming_content) == HOSTILE
    assert answer.headers["Content-Disposition"] == 'attachment; filename="page.html"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Content-Length"] == str(len(HOSTILE))
    event = AuditEvent.objects.get(action="document.downloaded")
    assert (event.actor, event.object_id) == (owner, str(document.pk))


def test_a_name_of_any_letters_arrives_whole(page_as, upload, owner):
    document = upload(filename='Über "uns"; 計画.txt')
    answer = page_as(owner).get(f"/documents/{document.pk}/file")
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename*=utf-8''%C3%9Cber%20%22uns%22%3B%20%E8%A8%88%E7%94%BB.txt"
    )


def test_a_name_cannot_add_a_header(page_as, upload, owner):
    document = upload(filename="a\r\nSet-Cookie: x=y.txt")
    answer = page_as(owner).get(f"/documents/{document.pk}/file")
    assert "Set-Cookie" not in answer.headers
    assert "\n" not in answer.headers["Content-Disposition"]


def test_a_file_that_is_gone_is_not_found(api_as, page_as, upload, owner, media):
    document = upload()
    (media / f"{document.pk}.txt").unlink()
    assert page_as(owner).get(f"/documents/{document.pk}/file").status_code == 404
    assert api_as(owner).get(f"/api/documents/{document.pk}/file").status_code == 404


async def received_from(answer) -> list[bytes]:
    return [block async for block in answer]


@pytest.mark.django_db(transaction=True)
def test_an_asgi_server_sends_it_block_by_block(upload, owner):
    answer = download(upload(b"x" * 200_000), reader=owner)
    received = asyncio.run(received_from(answer))
    assert b"".join(received) == b"x" * 200_000
    assert max(map(len, received)) == 64 * 1024


@pytest.mark.parametrize("server", ["asgi", "wsgi"])
@pytest.mark.django_db(transaction=True)
def test_a_download_under_way_breaks_off_when_the_document_goes(
    upload, owner, colleague, admin, server
):
    for reader, goes in (
        (owner, lambda shared: services.delete_document(document=shared, actor=admin)),
        (colleague, lambda shared: Document.objects.update(visibility="private")),
    ):
        shared = upload(b"x" * 300_000, visibility="organization")
        answer = download(shared, reader=reader)
        received: list[bytes] = []

        async def receive(answer=answer, received=received, goes=goes, shared=shared) -> None:
            async for block in answer:
                received.append(block)
                await sync_to_async(goes)(shared)

        with pytest.raises(NotFound):
            if server == "asgi":
                asyncio.run(receive())
            else:
                for block in answer.streaming_content:
                    received.append(block)
                    goes(shared)
        assert [len(block) for block in received] == [64 * 1024]
        answer.close()
