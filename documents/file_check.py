"""Stored files against rows: each document and version has its file, and none is there without.

A file without a row is never deleted from here: it may be all that is left of a document whose row
was lost, for example when an older backup of the database was restored. It is set aside.
"""

import datetime
import hashlib
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.models import AuditEvent, Organization
from documents.models import Document, DocumentVersion, FileDeletion
from documents.querysets import DocumentQuerySet, FileDeletionQuerySet

# Where files without a row are moved to, inside the storage; nothing reads or empties it.
SET_ASIDE = "without-row"
# A younger file is counted and left alone: whoever restores a backup may be about to add its row.
SETTLED_AFTER = datetime.timedelta(hours=24)
# A journal entry is worked off within a minute of its date where a worker runs.
OVERDUE_AFTER = datetime.timedelta(hours=1)
_BATCH = 1_000


@dataclass(frozen=True)
class FileCheck:
    """What was found; paths are names inside the storage.

    Attributes:
        stored: files in the storage, those set aside not counted; None of it where others have
            files there too.
        without_row: files that no row and no journal entry names, for a day at least.
        recent_without_row: the same, younger.
        lost: documents whose file, or that of an earlier version, is not there.
        other_size: documents of which a file has another size than when it was uploaded.
        set_aside: how many lie in `SET_ASIDE`.
        overdue: journal entries whose file should have been removed long ago.
        threatened: journal entries that name the file of a document.
    """

    stored: int | None
    without_row: tuple[str, ...]
    recent_without_row: tuple[str, ...]
    lost: tuple[uuid.UUID, ...]
    other_size: tuple[uuid.UUID, ...]
    set_aside: int
    overdue: tuple[str, ...]
    threatened: tuple[str, ...]


def check_files(organization: Organization | None) -> FileCheck:
    """Compare the storage with the rows of one organization.

    A file without a row is the organization's when its audit trail knows the document, or when
    there is no other organization. None asks for what belongs to none of several.
    """
    stored = _stored()  # before the rows: a file is written before its row, and goes after it
    strays = _of(organization, _without_row(stored))
    now = timezone.now()
    settled = [name for name in strays if _modified(name) <= now - SETTLED_AFTER]
    documents = _documents_of(organization)
    lost, other_size = _compare(documents, "pk", stored)
    of_versions = _compare(_versions_of(documents), "document_id", stored)
    lost = list(dict.fromkeys(lost + of_versions[0]))
    other_size = list(dict.fromkeys(other_size + of_versions[1]))
    is_whole = organization is None or is_alone(organization)
    return FileCheck(
        stored=len(stored) if is_whole else None,
        without_row=tuple(settled),
        recent_without_row=tuple(name for name in strays if name not in set(settled)),
        lost=tuple(lost),
        other_size=tuple(other_size),
        set_aside=len(_of(organization, _listed(SET_ASIDE))),
        overdue=tuple(_of(organization, _paths(FileDeletion.objects.due(now - OVERDUE_AFTER)))),
        threatened=tuple(_paths(_threatened(organization))),
    )


def set_aside(names: Sequence[str]) -> int:
    """Move files that still have no row into `SET_ASIDE`; return how many it were."""
    strays = _without_row(dict.fromkeys(names))
    for name in strays:
        _move(name, f"{SET_ASIDE}/{name}")
    return len(strays)


def files_known_of(organization_id: uuid.UUID) -> list[str]:
    """Return the files, set aside ones too, of documents that the organization's trail knows."""
    stored = list(_stored()) + [f"{SET_ASIDE}/{name}" for name in _listed(SET_ASIDE)]
    owners = _owners([name.rpartition("/")[2] for name in stored])
    return [
        name
        for name in stored
        if owners.get(_document_key(name.rpartition("/")[2])) == organization_id
    ]


def bring_back(document_ids: Sequence[uuid.UUID]) -> int:
    """Give documents their file back where it was set aside, byte for byte; return how many."""
    found = 0
    documents = Document.objects.filter(pk__in=document_ids)
    for row in (*documents, *_versions_of(documents)):
        name, aside = str(row.file.name), f"{SET_ASIDE}/{row.file.name}"
        if default_storage.exists(name) or not default_storage.exists(aside):
            continue
        if _sha256(aside) == row.sha256:
            _move(aside, name)
            found += 1
    return found


def spare(organization: Organization | None) -> int:
    """Take the files of documents out of the journal of files that are to go; return how many."""
    spared, _ = _threatened(organization).delete()
    return spared


def _without_row(stored: dict[str, int | None]) -> list[str]:
    """Return the names that neither a row nor the journal knows, in order."""
    # Journal, rows, journal: an upload's entry goes as its row comes, a delete's comes as the row
    # goes. Whatever happens between two of these questions, one of them has the name.
    names = set(stored)
    names -= set(_paths(FileDeletion.objects.all()))
    names -= set(_known(names))
    names -= set(_paths(FileDeletion.objects.all()))
    return sorted(name for name in names if default_storage.exists(name))


def _compare(
    rows: QuerySet[Any], key_field: str, stored: dict[str, int | None]
) -> tuple[list[uuid.UUID], list[uuid.UUID]]:
    """Return the documents without their file, and those whose file has another size.

    Args:
        rows: of documents or of versions.
        key_field: where the document's key is in them.
    """
    lost, other_size = [], []
    named = rows.order_by().values_list(key_field, "file", "size")
    for key, name, size in named.iterator(chunk_size=_BATCH):
        if name in stored:
            if stored[name] not in (None, size):
                other_size.append(key)
        # Not listed: uploaded since, deleted since, or lost.
        elif not default_storage.exists(name) and rows.filter(file=name).exists():
            lost.append(key)
    return lost, other_size


def _documents_of(organization: Organization | None) -> DocumentQuerySet:
    if organization is None:
        return Document.objects.none()  # every document has an organization
    return Document.objects.filter(organization=organization)


def _versions_of(documents: DocumentQuerySet) -> QuerySet[DocumentVersion]:
    return DocumentVersion.objects.filter(document__in=documents.order_by().values("pk"))


def _threatened(organization: Organization | None) -> FileDeletionQuerySet:
    documents = _documents_of(organization)
    in_force = documents.filter(file=OuterRef("path"))
    earlier = _versions_of(documents).filter(file=OuterRef("path"))
    return FileDeletion.objects.filter(Exists(in_force) | Exists(earlier)).order_by("path")


def _of(
    organization: Organization | None, names: Sequence[str] | dict[str, int | None]
) -> list[str]:
    """Return those of the names that belong to the organization, by the trail that it left."""
    if organization is not None and is_alone(organization):
        return list(names)
    owners = _owners(names)
    wanted = organization.pk if organization is not None else None
    if wanted is None and Organization.objects.count() == 1:
        return []
    return [name for name in names if owners.get(_document_key(name)) == wanted]


def is_alone(organization: Organization) -> bool:
    """Tell whether there is no other organization, so that whatever is there is this one's."""
    return not Organization.objects.exclude(pk=organization.pk).exists()


def _owners(names: Sequence[str] | dict[str, int | None]) -> dict[str, uuid.UUID]:
    """Return the organization of each document that the audit trail knows, by its key."""
    keys = [key for key in map(_document_key, names) if key]
    owners: dict[str, uuid.UUID] = {}
    for first in range(0, len(keys), _BATCH):
        events = AuditEvent.objects.filter(
            object_type="document", object_id__in=keys[first : first + _BATCH]
        )
        owners.update(
            events.exclude(organization=None)
            .order_by()
            .values_list("object_id", "organization_id")
            .distinct()
        )
    return owners


def _document_key(name: str) -> str:
    """Return the key that a stored name begins with; empty where it has none."""
    try:
        return str(uuid.UUID(name.partition(".")[0]))
    except ValueError:
        return ""


def _known(names: set[str]) -> Iterator[str]:
    ordered = sorted(names)
    for first in range(0, len(ordered), _BATCH):
        batch = ordered[first : first + _BATCH]
        # A draft's file becomes its document's, and that becomes a version's: asked for in this
        # order, a file that moves on between two questions is found by the second.
        yield from Document.objects.filter(file__in=batch).order_by().values_list("file", flat=True)
        versions = DocumentVersion.objects.filter(file__in=batch).order_by()
        yield from versions.values_list("file", flat=True)


def _paths(entries: FileDeletionQuerySet) -> list[str]:
    return list(entries.values_list("path", flat=True))


def _stored() -> dict[str, int | None]:
    """Return the size of each stored file by its name; None where asking would cost a request."""
    return _listed("")


def _listed(folder: str) -> dict[str, int | None]:
    try:
        path = Path(default_storage.path(folder))
    except NotImplementedError:  # a storage elsewhere has no paths
        return dict.fromkeys(sorted(default_storage.listdir(folder)[1]))
    if not path.is_dir():
        return {}
    with os.scandir(path) as entries:
        names = sorted(
            entry.name for entry in entries if entry.is_file() and not entry.name.startswith(".")
        )
    return {name: _size(path / name) for name in names}


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # gone since
        return None


def _modified(name: str) -> datetime.datetime:
    try:
        return default_storage.get_modified_time(name)
    except FileNotFoundError:  # gone since
        return timezone.now()


def _move(source: str, target: str) -> None:
    try:
        origin, goal = Path(default_storage.path(source)), Path(default_storage.path(target))
    except NotImplementedError:
        with default_storage.open(source) as content:
            default_storage.save(target, content)
        default_storage.delete(source)
        return
    goal.parent.mkdir(parents=True, exist_ok=True)
    origin.replace(goal)


def _sha256(name: str) -> str:
    digest = hashlib.sha256()
    with default_storage.open(name) as file:
        for block in file.chunks():
            digest.update(block)
    return digest.hexdigest()
