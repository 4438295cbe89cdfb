"""Versions of a document: another file that takes its place once it is read.

A new version is uploaded as a draft: a row of its own, which goes through the same pipeline with
the same leases, and which nobody sees as a document. In the transaction that publishes it, its
text, its vectors and its file become the document's, and the draft goes. Until then, and where it
fails, the version in force answers.
"""

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from django.core.files.base import File
from django.db import models, transaction

from accounts.models import Team, User
from documents import files, leases, services
from documents.changes import locked_for_change, record, require_change
from documents.exceptions import AlreadyUploaded, SameName
from documents.filenames import display_name, with_extension_of
from documents.intake import take_in, type_of
from documents.models import Document, DocumentVersion
from documents.page_cache import forget_page_images
from documents.querysets import MESSAGES
from knowledge.lib import context
from knowledge.lib.errors import Conflict, NotFound


class OnSameName(models.TextChoices):
    """What becomes of a file when its uploader has a document of its name already."""

    KEEP = "keep", "Keep both"
    VERSION = "version", "Upload as a new version"
    ASK = "ask", "Ask me"


def upload(
    *,
    owner: User,
    file: File[bytes] | IO[bytes],
    filename: str,
    on_same_name: str,
    before: datetime.datetime | None = None,
    **given: Any,
) -> Document:
    """Upload a file as a document, or as the next version of the owner's document of its name.

    Args:
        on_same_name: one of `OnSameName`.
        before: only what was uploaded until then counts as there, so that files of one folder that
            have one name do not become versions of each other.
        given: further arguments of `services.upload_document`, for a new document.

    Returns:
        The new document, or the one that has a new version.

    Raises:
        SameName: there is such a document, and the choice is to be asked for.
        AlreadyUploaded, UnsupportedType, TooLarge, InvalidInput: as `services.upload_document`.
    """
    existing = named_like(filename, owner=owner, before=before)
    if existing is None or on_same_name == OnSameName.KEEP:
        return services.upload_document(owner=owner, file=file, filename=filename, **given)
    if type_of(filename, file).extension in MESSAGES:
        return services.upload_document(owner=owner, file=file, filename=filename, **given)
    if on_same_name == OnSameName.VERSION:
        return upload_version(document=existing, actor=owner, file=file, filename=filename)
    # Bytes that are there already are no question.
    like = Document(organization_id=existing.organization_id, uploaded_by=owner)
    like.size, like.sha256 = _measure(file)
    if known := Document.objects.equal_to(like).first():
        raise AlreadyUploaded(known.version_of or known)
    raise SameName(existing)


def named_like(
    filename: str, *, owner: User, before: datetime.datetime | None = None
) -> Document | None:
    """Return the owner's newest document of that name which can have another version.

    Args:
        before: neither it nor a version of it was uploaded since.
    """
    named = Document.objects.of_name(display_name(filename), owner=owner)
    if before is not None:
        since = models.Q(version_at__gte=before) | models.Q(draft__created_at__gte=before)
        named = named.filter(created_at__lt=before).exclude(since)
    return named.first()


def upload_version(
    *,
    document: Document,
    actor: User,
    file: File[bytes] | IO[bytes],
    filename: str,
    ingest: bool = True,
) -> Document:
    """Store a file that becomes the document's next version once it is read.

    One that waits or failed is dropped for it: the newest is what its uploader wants. Name, tags
    and sharing stay the document's; where the file is of another type, the name gets its extension.

    Args:
        file: open for reading bytes, at its start.
        filename: as the user knows it; of its type the content decides.
        ingest: ring for a worker; False where the caller ingests by itself.

    Returns:
        The document, with `new_version`.

    Raises:
        NotFound, NotAllowed: the actor may not see, or not change, the document.
        AlreadyUploaded: these are the bytes of the version in force, or of the one that waits.
        Conflict: a message, or what came with one, has no versions.
        UnsupportedType, TooLarge: as `services.upload_document`.
    """
    require_change(document, actor)
    name = display_name(filename)
    file_type = type_of(name, file)
    draft = Document(
        version_of=document,
        organization_id=document.organization_id,
        uploaded_by=actor,
        extension=file_type.extension,
        content_type=file_type.content_type,
        request_id=context.current().request_id,
    )

    def admit(measured: Document) -> Sequence[Team]:
        current = locked_for_change(document, actor)
        _require_versions(current, file_type.extension)
        measured.version_of = current
        measured.filename = with_extension_of(current.filename, name)
        _make_room(current, measured)
        record(
            "document.version_uploaded",
            current,
            actor,
            number=current.version + 1,
            size=measured.size,
        )
        return ()

    take_in(document=draft, file=file, admit=admit, ingest=ingest)
    return Document.objects.select_related("draft").get(pk=document.pk)


@transaction.atomic
def discard_version(*, document: Document, actor: User) -> None:
    """Drop the version that waits, is being read, or failed; the one in force stays.

    Raises:
        NotFound, NotAllowed: the actor may not see, or not change, the document.
        Conflict: there is no new version, or it is in force by now.
    """
    current = locked_for_change(document, actor)
    draft = _draft_of(current)
    if draft is None:
        raise Conflict("There is no new version that could be dropped.")
    _drop(draft)
    record("document.version_discarded", current, actor, size=draft.size)


@dataclass(frozen=True)
class Version:
    """One version, as it is listed."""

    number: int
    in_force: bool
    filename: str
    content_type: str
    size: int
    sha256: str
    uploaded_by: User
    uploaded_at: datetime.datetime


def versions_of(document: Document) -> list[Version]:
    """Return the versions of a document that was looked up for the reader, newest first."""
    current = Version(
        document.version,
        True,
        document.filename,
        document.content_type,
        document.size,
        document.sha256,
        document.version_by or document.uploaded_by,
        document.version_at or document.created_at,
    )
    earlier = DocumentVersion.objects.filter(document=document).select_related("uploaded_by")
    return [
        current,
        *(
            Version(
                one.number,
                False,
                one.filename,
                one.content_type,
                one.size,
                one.sha256,
                one.uploaded_by,
                one.uploaded_at,
            )
            for one in earlier.order_by("-number")
        ),
    ]


def earlier_version(document: Document, number: int) -> DocumentVersion | None:
    """Return a version by its number; None for the one in force.

    Raises:
        NotFound: the document has no such version.
    """
    if number == document.version:
        return None
    found = DocumentVersion.objects.filter(document=document, number=number).first()
    if found is None:
        raise NotFound("This document has no such version.")
    return found


def lock_with_drafts(documents: Sequence[Document]) -> dict[Any, Document]:
    """Lock the documents that drafts among these are versions of; return them by their keys.

    Before the drafts themselves, as a delete locks them.
    """
    keys = [document.version_of_id for document in documents if document.version_of_id]
    if not keys:
        return {}
    rows = Document.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk")
    return {document.pk: document for document in rows}


def put_in_force(draft: Document, document: Document, **facts: Any) -> None:
    """Give a document the file of its draft, in the transaction that gives it the text.

    Args:
        draft, document: both locked.
        facts: further arguments of `leases.complete`.
    """
    DocumentVersion.objects.create(
        document=document,
        number=document.version,
        filename=document.filename,
        content_type=document.content_type,
        size=document.size,
        sha256=document.sha256,
        file=document.file.name,
        uploaded_by_id=document.version_by_id or document.uploaded_by_id,
        uploaded_at=document.version_at or document.created_at,
    )
    Document.objects.filter(pk=draft.pk).delete()
    Document.objects.filter(pk=document.pk).update(
        filename=draft.filename,
        extension=draft.extension,
        content_type=draft.content_type,
        size=draft.size,
        sha256=draft.sha256,
        file=draft.file.name,
        version=document.version + 1,
        version_at=draft.created_at,
        version_by=draft.uploaded_by_id,
        attempts=0,
    )
    # A worker that reads the earlier version just now loses its lease by this, and writes nothing.
    leases.complete(document, **facts)
    transaction.on_commit(lambda: forget_page_images([document.pk]), robust=True)


def _require_versions(document: Document, extension: str) -> None:
    if extension in MESSAGES or document.extension in MESSAGES:
        raise Conflict("A message has no versions: upload the other one as a document of its own.")
    if document.attached_to_id is not None:
        raise Conflict("An attachment has no versions: it goes with the message it came with.")


def _make_room(document: Document, measured: Document) -> None:
    """Drop an earlier draft of the locked document for this one, unless they are equal."""
    draft = _draft_of(document)
    waits = draft if draft is not None and not draft.is_failed else document
    if (waits.size, waits.sha256) == (measured.size, measured.sha256):
        raise AlreadyUploaded(document)
    if draft is not None:
        _drop(draft)


def _drop(draft: Document) -> None:
    paths = [str(draft.file.name)]
    files.forget(paths)
    Document.objects.filter(pk=draft.pk).delete()
    transaction.on_commit(lambda: _remove(paths), robust=True)


def _remove(paths: Sequence[str]) -> None:
    files.remove(paths)


def _draft_of(document: Document) -> Document | None:
    return Document.objects.select_for_update(of=("self",)).filter(version_of=document).first()


def _measure(file: File[bytes] | IO[bytes]) -> tuple[int, str]:
    """Return size and digest of a file, and rewind it."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while block := file.read(files.BLOCK_BYTES):
        digest.update(block)
        size += len(block)
    file.seek(0)
    return size, digest.hexdigest()
