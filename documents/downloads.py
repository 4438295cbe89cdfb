"""Sends an original as a download that no browser runs or shows inside a page."""

from typing import IO

from accounts.models import User
from documents.models import Document, DocumentVersion
from knowledge.lib.errors import NotFound
from knowledge.lib.streaming import DownloadResponse


class _WatchedFile:
    """A file that is read only while its document is there and its reader may have it."""

    def __init__(self, file: IO[bytes], document: Document, reader: User) -> None:
        self._file = file
        self._readable = Document.objects.visible_to(reader).filter(pk=document.pk)

    def read(self, size: int) -> bytes:
        """Return the next block.

        Raises:
            NotFound: the document has gone. Nothing can be told to whoever downloads it any more,
                but that the transfer breaks off.
        """
        # SECURITY: an open file outlives its removal, and a slow transfer takes hours.
        if not self._readable.exists():
            raise NotFound("The document was deleted or is no longer shared with you.")
        return self._file.read(size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def download(
    document: Document, *, reader: User, version: DocumentVersion | None = None
) -> DownloadResponse:
    """Return the stored file under the name that it came with.

    Args:
        reader: who gets it, asked again for each block.
        version: an earlier one of the document; None for the one in force.

    Raises:
        NotFound: it has been removed meanwhile.
    """
    stored = version or document
    try:
        file = stored.file.open("rb")
    except FileNotFoundError:
        raise NotFound("The file of this document is no longer stored.") from None
    response = DownloadResponse(
        _WatchedFile(file, document, reader),
        as_attachment=True,
        filename=stored.filename,
        content_type=stored.content_type,
    )
    response.headers["Content-Length"] = str(stored.size)
    response.headers["X-Content-Type-Options"] = "nosniff"
    # SECURITY: an HTML file would otherwise run as a page of this site with the reader's session.
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, no-store"
    return response
