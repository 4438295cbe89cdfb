"""Named moments at which a crash would hurt most: the crash tests make a process die exactly there.

Outside those tests nothing is armed, and passing a moment costs one look at a module's variable.
Only code of the same process can arm one: no setting and no environment variable does.
"""

from collections.abc import Callable
from enum import StrEnum


class FaultPoint(StrEnum):
    """A moment between two steps of which a crash may leave the first without the second."""

    UPLOAD_RESERVED = "upload.reserved"  # the journal has the path, no file is there
    UPLOAD_FILE_STORED = "upload.file_stored"  # the file is durable, its row is not written
    UPLOAD_ROW_WRITTEN = "upload.row_written"  # inside the transaction
    UPLOAD_COMMITTED = "upload.committed"  # before a worker is rung for
    INGEST_CLAIMED = "ingest.claimed"  # leases are taken, nothing is read
    INGEST_READ = "ingest.read"  # extracted and chunked
    INGEST_EMBEDDED = "ingest.embedded"  # vectors are there, no row is written
    PUBLISH_OLD_ROWS_GONE = "publish.old_rows_gone"  # inside the transaction, as the next two
    PUBLISH_CHUNKS_WRITTEN = "publish.chunks_written"
    PUBLISH_VERSION_COUNTED = "publish.version_counted"
    PUBLISH_COMMITTED = "publish.committed"
    DELETE_INDEX_CLEARED = "delete.index_cleared"  # inside the transaction, as the next
    DELETE_ROWS_GONE = "delete.rows_gone"
    DELETE_COMMITTED = "delete.committed"  # the files are still there
    REMOVAL_CLAIMED = "removal.claimed"  # of files: the journal's entries are taken
    REMOVAL_FILE_GONE = "removal.file_gone"  # its entry is still there
    ORGANIZATION_DOCUMENTS_GONE = "organization.documents_gone"  # files and indexes are there
    ORGANIZATION_INDEXES_GONE = "organization.indexes_gone"  # people and conversations are there
    ORGANIZATION_ROWS_GONE = "organization.rows_gone"  # inside the transaction
    ORGANIZATION_DELETED = "organization.deleted"
    SNAPSHOT_INDEX_WRITTEN = "snapshot.index_written"  # no manifest names it
    SNAPSHOT_MANIFEST_WRITTEN = "snapshot.manifest_written"  # beside the old one
    SNAPSHOT_RENAMED = "snapshot.renamed"  # older files are still there
    SWEEP_CHANGES_PRUNED = "sweep.changes_pruned"
    REEMBED_BATCH_WRITTEN = "reembed.batch_written"
    REEMBED_COMPLETE = "reembed.complete"  # every chunk has its vector, queries use the old model
    REEMBED_SWITCHING = "reembed.switching"  # inside the transaction
    REEMBED_SWITCHED = "reembed.switched"


Handler = Callable[[FaultPoint], None]
_handler: Handler | None = None


def arm(handler: Handler | None) -> None:
    """Call `handler` at every moment that is passed from now on; None disarms."""
    global _handler  # noqa: PLW0603  one a process, like the crash it stands for
    _handler = handler


def passing(point: FaultPoint) -> None:
    """Mark the moment in the code."""
    if _handler is not None:
        _handler(point)
