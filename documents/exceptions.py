"""Why a document was not taken in or could not be read, in words for who uploaded it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.lib.errors import Conflict

if TYPE_CHECKING:
    from documents.models import Document


class AlreadyUploaded(Conflict):
    """The same person has uploaded the same bytes already, and they have not failed.

    Args:
        document: what they became; it is as it was, its sharing too.
    """

    code = "already_uploaded"

    def __init__(self, document: Document) -> None:
        super().__init__(
            f"You uploaded this file already, as “{document.filename}”. "
            "It stays as it is, its sharing too.",
            details={"document_id": str(document.pk)},
        )
        self.document = document


class SameName(Conflict):
    """The same person has a document of that name, with other bytes: which of both is wanted?

    Args:
        document: whose next version the file may become.
    """

    code = "same_name"

    def __init__(self, document: Document) -> None:
        super().__init__(
            f"You have a document called “{document.filename}”, with other contents. "
            "Upload the file as its new version, or keep both.",
            details={"document_id": str(document.pk), "version": document.version},
        )
        self.document = document


class DocumentFailure(Exception):
    """Ingestion of one document failed.

    Args:
        message: one sentence that says what to do; it is stored on the row and shown.
        code: a stable word for scripts and statistics.
        may_pass: whether another try can succeed without a new file.
        counts: whether it uses up one of the document's attempts; not, where the document has
            nothing to do with it.
    """

    def __init__(
        self, message: str, *, code: str, may_pass: bool = False, counts: bool = True
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.may_pass = may_pass
        self.counts = counts
