"""Files inside a file: documents of their own that are shared and deleted with where they came."""

import hashlib
import io
import uuid
from collections.abc import Iterable, Sequence
from logging import getLogger

from accounts.models import Team
from documents import leases
from documents.extraction.base import Attachment
from documents.filenames import display_name
from documents.intake import take_in, type_of
from documents.labels import Label
from documents.leases import Lease
from documents.models import Document
from knowledge.lib.errors import AppError, UnsupportedType
from knowledge.lib.failures import explain

logger = getLogger("knowledge.documents")

# A message (0) has attachments (1), a message among them has its own (2), and there it ends: each
# level may multiply the documents of one upload by MAX_ATTACHMENTS.
DEEPEST = 2
_TOO_DEEP = (
    "The attachments of this message were left out, because it came inside a message that came "
    "inside another. Save them from the message and upload them by themselves."
)
_NOT_STORED = "It could not be stored. Save it from the message and upload it by itself."


class _LeaseLost(Exception):
    """The document is deleted, or with another worker."""


def store_attachments(
    *, lease: Lease, document: Document, attachments: Sequence[Attachment]
) -> list[str]:
    """Make a document of each file inside one that a worker reads, before that one is published.

    So a worker that dies in between leaves a document that is read again, and what is there
    already is not stored twice. Each is a transaction of its own, after its file is written.

    Returns:
        A sentence about each that was left out.
    """
    if not attachments:
        return []
    if _depth(document) >= DEEPEST:
        return [_TOO_DEEP]
    warnings = []
    for attachment in attachments:
        name = display_name(attachment.name)
        try:
            _store(lease, document, name, attachment.content)
        except _LeaseLost:
            break
        except UnsupportedType:
            warnings.append(f"The attachment “{name}” was left out. Its type is not read here.")
        except AppError as error:
            warnings.append(f"The attachment “{name}” was left out. {error.message}")
        except OSError as error:
            answer = explain(error)
            logger.warning("attachment not stored", exc_info=error)
            reason = answer.message if answer else _NOT_STORED
            warnings.append(f"The attachment “{name}” was left out. {reason}")
    return warnings


def below(keys: Iterable[uuid.UUID]) -> list[Document]:
    """Return all that came with these documents, locked, and what came with that in turn.

    Each level is locked before the next is asked for: what a worker adds to it is either seen
    here, or waits and then sees what the caller has changed.
    """
    found: list[Document] = []
    level = list(keys)
    while level:
        rows = Document.objects.select_for_update(of=("self",)).select_related("organization")
        attached = list(rows.filter(attached_to__in=level).order_by("pk"))
        found += attached
        level = [document.pk for document in attached]
    return found


def share_alike(document: Document, teams: Sequence[Team]) -> int:
    """Share what came with a locked document as it is shared itself; return how many it were."""
    attached = below([document.pk])
    for one in attached:
        one.visibility = document.visibility
        one.save(update_fields=["visibility"])
        one.teams.set(teams)
    return len(attached)


def _store(lease: Lease, parent: Document, name: str, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if parent.attachments.filter(sha256=digest, filename=name).exists():
        return
    file = io.BytesIO(content)
    file_type = type_of(name, file)
    document = Document(
        organization_id=parent.organization_id,
        uploaded_by=parent.uploaded_by,
        attached_to=parent,
        filename=name,
        extension=file_type.extension,
        content_type=file_type.content_type,
        request_id=lease.request_id,
    )

    def admit(attached: Document) -> list[Team]:
        # SECURITY: as the message is shared at this moment, which is locked until the commit.
        for current in leases.lock([lease]):
            attached.visibility = current.visibility
            attached.collection = current.collection
            attached.collection_key = current.collection_key
            return list(current.teams.all())
        raise _LeaseLost

    # Asked for when they are put, in the transaction in which the message is locked.
    tags = (Label(tag.name, tag.key) for tag in parent.tags.all())
    take_in(document=document, file=file, admit=admit, tags=tags)


def _depth(document: Document) -> int:
    depth, parent = 0, document.attached_to
    while parent is not None:
        depth, parent = depth + 1, parent.attached_to
    return depth
