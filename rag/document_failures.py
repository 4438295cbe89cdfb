"""Records why a document could not be ingested, on its row and in the log."""

from contextlib import AbstractContextManager
from logging import getLogger

from django.db import OperationalError

from documents import leases
from documents.exceptions import DocumentFailure
from documents.leases import Lease
from knowledge.lib import context

logger = getLogger("knowledge.ingestion")

UNEXPECTED = "Something went wrong on our side while reading this file. It will be tried again."
BUSY = "The system was busy. The file will be tried again."


def record_failure(lease: Lease, error: Exception) -> None:
    """Write on the row, if it is still this worker's, why the document failed."""
    failure = _failure(error)
    fields = {
        "document_id": str(lease.document_id),
        "code": failure.code,
        "attempt": lease.attempt,
    }
    with request_of(lease):
        try:
            again = leases.fail(lease, failure)
        except OperationalError:
            # The lease ends by itself, and the document is taken once more.
            logger.warning("failure not recorded", extra=fields)
            return
        if again is None:
            return  # deleted meanwhile, or with another worker
        if failure.code == "unexpected":
            logger.error("ingestion error", exc_info=error)
        logger.warning("document failed", extra={**fields, "again": again})


def request_of(lease: Lease) -> AbstractContextManager[context.RequestContext]:
    """Log under the id of the request that uploaded the document."""
    return context.bind(context.RequestContext(request_id=lease.request_id))


def _failure(error: Exception) -> DocumentFailure:
    if isinstance(error, DocumentFailure):
        return error
    if isinstance(error, OperationalError):
        # Locked for longer than the busy time-out: no fault of the document.
        is_locked = "locked" in str(error)
        return DocumentFailure(BUSY, code="busy", may_pass=True, counts=not is_locked)
    return DocumentFailure(UNEXPECTED, code="unexpected", may_pass=True)
