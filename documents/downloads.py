"""Sends an original as a download that no browser runs or shows inside a page."""

from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.http import FileResponse

from documents.models import Document
from knowledge.lib.errors import NotFound


class DownloadResponse(FileResponse):
    """Django's FileResponse, which an ASGI server sends block by block too.

    Its own asynchronous iteration would first read the whole file into memory.
    """

    block_size = 64 * 1024

    async def __aiter__(self) -> AsyncIterator[bytes]:
        file = self.file_to_stream
        while file and (block := await sync_to_async(file.read)(self.block_size)):
            yield block


def download(document: Document) -> DownloadResponse:
    """Return the stored file under the name that it came with.

    Raises:
        NotFound: it has been removed meanwhile.
    """
    try:
        file = document.file.open("rb")
    except FileNotFoundError:
        raise NotFound("The file of this document is no longer stored.") from None
    response = DownloadResponse(
        file,
        as_attachment=True,
        filename=document.filename,
        content_type=document.content_type,
    )
    response.headers["Content-Length"] = str(document.size)
    response.headers["X-Content-Type-Options"] = "nosniff"
    # SECURITY: an HTML file would otherwise run as a page of this site with the reader's session.
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, no-store"
    return response
