"""A folder kept as documents: new files are uploaded, changed ones become versions, and so on.

Each document remembers the path that it came from (`Document.source`). What was uploaded otherwise
has none: nothing here changes or deletes it.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from accounts.models import User
from documents import services, versions
from documents.exceptions import AlreadyUploaded
from documents.extraction.registry import accepted_extensions
from documents.files import BLOCK_BYTES
from documents.models import Document
from documents.querysets import MESSAGES
from knowledge.lib.errors import AppError

_WAIT_S = 0.5


class Became(StrEnum):
    """What became of a file."""

    CREATED = "created"
    NEW_VERSION = "new_version"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"  # the same bytes, uploaded from elsewhere
    MOVED = "moved"
    DELETED = "deleted"
    SKIPPED = "skipped"  # of a type that is not accepted
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of one file, or of an attachment of one.

    Attributes:
        status: of the document, or of its new version; empty where there is none.
        reason: why it failed or was left out, or what of it could not be read.
    """

    path: str
    outcome: Became
    status: str = ""
    reason: str = ""
    document_id: str = ""
    chunk_count: int = 0


@dataclass(frozen=True)
class Found:
    """Files below the paths that were given.

    Attributes:
        files: of accepted types, or named themselves, in order.
        skipped: of other types.
        unreadable: folders that could not be looked into, with the reason.
        folders: that were given, whether anything is in them or not.
    """

    files: Sequence[Path]
    skipped: Sequence[Path]
    unreadable: dict[Path, str]
    folders: Sequence[Path]


def find_files(paths: Iterable[Path]) -> Found:
    """Look for files, without those that are hidden.

    A file that is named itself is not skipped, so that its refusal is a failure.
    """
    files: list[Path] = []
    skipped: list[Path] = []
    unreadable: dict[Path, str] = {}
    folders: list[Path] = []
    accepted = {f".{extension}" for extension in accepted_extensions()}

    def failed(error: OSError) -> None:
        unreadable[Path(str(error.filename))] = error.strerror or str(error)

    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        folders.append(path)
        found = []
        for place, inside, names in os.walk(path, onerror=failed):
            inside[:] = [name for name in inside if not name.startswith(".")]
            found += [Path(place, name) for name in names if not name.startswith(".")]
        for file in sorted(file for file in found if file.is_file()):
            (files if file.suffix.lower() in accepted else skipped).append(file)
    return Found(list(dict.fromkeys(files)), skipped, unreadable, folders)


@dataclass
class FolderIngestion:
    """One run for one owner.

    Attributes:
        visibility, tags, collection: of documents that are new.
        task: ingests a document by its id, here; None leaves it to the worker.
        waits: for the worker, where `task` is None.
        is_dry: nothing is changed; what would be done is told.
    """

    owner: User
    visibility: str = Document.Visibility.PRIVATE
    tags: Sequence[str] = ()
    collection: str = ""
    task: Callable[[str], object] | None = None
    waits: bool = False
    is_dry: bool = False
    _known: dict[str, Document] = field(init=False, default_factory=dict)
    _replaced: list[Document] = field(init=False, default_factory=list)
    _seen: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        own = Document.objects.without_drafts().filter(uploaded_by=self.owner)
        rows = own.exclude(source="").select_related("draft").order_by("created_at", "pk")
        for row in rows:
            self._remember(row)

    def take(self, path: Path) -> list[Outcome]:
        """Bring one file in, and return what became of it and of its attachments."""
        self._seen.add(_source(path))
        try:
            size, digest = _measured(path)
            document = self._known.get(_source(path))
            if document is not None:
                return self._take_known(path, document, size, digest)
            return self._take_new(path, size, digest)
        except (AppError, OSError) as error:
            reason = getattr(error, "message", None) or str(error)
            return [Outcome(_shown(path), Became.FAILED, reason=reason)]

    def await_worker(self, path: Path, before: Outcome) -> list[Outcome]:
        """Return what became of a file that was left to the worker, once that has read it."""
        if not before.document_id:
            return [before]
        rows = Document.objects.select_related("draft").filter(pk=before.document_id)
        document = rows.first()
        return [before] if document is None else self._told(path, document, before.outcome)

    def missing(self, folders: Sequence[Path]) -> list[Document]:
        """Return what this owner has from below these folders, and whose file is gone.

        A message whose file has other contents now is among it.
        """
        roots = tuple(_source(folder).rstrip(os.sep) + os.sep for folder in folders)
        gone = [
            document
            for source, document in sorted(self._known.items())
            if source not in self._seen and _is_gone(source)
        ]
        return [one for one in (*gone, *self._replaced) if one.source.startswith(roots)]

    def delete(self, documents: Sequence[Document]) -> list[Outcome]:
        """Delete documents of this owner, who has to be an administrator, as everywhere."""
        if documents and not self.is_dry:
            own = Document.objects.filter(uploaded_by=self.owner)
            services.delete_documents(
                documents=own.filter(pk__in=[document.pk for document in documents]),
                actor=self.owner,
            )
        return [
            Outcome(document.source, Became.DELETED, document_id=str(document.pk))
            for document in documents
        ]

    def _take_known(self, path: Path, document: Document, size: int, digest: str) -> list[Outcome]:
        newest = document.new_version or document
        if (newest.size, newest.sha256) == (size, digest):
            became = Became.UNCHANGED
            if self.task is not None and newest.is_in_progress:  # an earlier run was cut off
                became = Became.CREATED if newest is document else Became.NEW_VERSION
            return self._told(path, document, became)
        if document.extension in MESSAGES or path.suffix.lower().lstrip(".") in MESSAGES:
            return self._take_new(path, size, digest)  # another message is another document
        if self.is_dry:
            return [Outcome(_shown(path), Became.NEW_VERSION, document_id=str(document.pk))]
        try:
            with path.open("rb") as file:
                document = versions.upload_version(
                    document=document,
                    actor=self.owner,
                    file=file,
                    filename=path.name,
                    ingest=self.task is None,
                )
        except AlreadyUploaded:
            if newest.is_failed:  # the contents in force are back
                versions.discard_version(document=document, actor=self.owner)
            document = Document.objects.select_related("draft").get(pk=document.pk)
            return self._told(path, document, Became.UNCHANGED)
        return self._told(path, document, Became.NEW_VERSION)

    def _take_new(self, path: Path, size: int, digest: str) -> list[Outcome]:
        if self.is_dry:
            return [self._would_take(path, size, digest)]
        try:
            with path.open("rb") as file:
                document = services.upload_document(
                    owner=self.owner,
                    file=file,
                    filename=path.name,
                    visibility=self.visibility,
                    tags=self.tags,
                    collection=self.collection,
                    source=_source(path),
                    ingest=self.task is None,
                )
        except AlreadyUploaded as known:
            return self._take_duplicate(path, known.document)
        self._remember(document)
        return self._told(path, document, Became.CREATED)

    def _remember(self, document: Document) -> None:
        """Keep the newest of a path: a message that has changed is another document."""
        earlier = self._known.get(document.source)
        if earlier is not None:
            self._replaced.append(earlier)
        self._known[document.source] = document

    def _take_duplicate(self, path: Path, document: Document) -> list[Outcome]:
        """Follow a file to where it was moved; what came from elsewhere stays as it is."""
        if document.source and _is_gone(document.source):
            Document.objects.filter(pk=document.pk).update(source=_source(path))
            self._known.pop(document.source, None)
            document.source = _source(path)
            self._known[document.source] = document
            return self._told(path, document, Became.MOVED)
        return self._told(path, document, Became.DUPLICATE)

    def _would_take(self, path: Path, size: int, digest: str) -> Outcome:
        like = Document(
            organization=self.owner.organization,
            uploaded_by=self.owner,
            size=size,
            sha256=digest,
        )
        equal = Document.objects.equal_to(like).first()
        if equal is None:
            return Outcome(_shown(path), Became.CREATED)
        is_moved = bool(equal.source) and _is_gone(equal.source)
        if is_moved:
            self._known.pop(equal.source, None)
        became = Became.MOVED if is_moved else Became.DUPLICATE
        return Outcome(_shown(path), became, equal.status, document_id=str(equal.pk))

    def _told(self, path: Path, document: Document, became: Became) -> list[Outcome]:
        """Have it read where that is still to be done, and return what there is of it then."""
        if document.is_changing and not self.is_dry:
            self._read(document.new_version or document)
            document = Document.objects.select_related("draft").get(pk=document.pk)
        newest = document.new_version or document
        reason = newest.error_message or " ".join(newest.warnings)
        if newest.is_failed:
            became = Became.FAILED
        elif became == Became.DUPLICATE:
            reason = f"uploaded already as “{document.filename}”"
        told = Outcome(
            _shown(path), became, newest.status, reason, str(document.pk), document.chunk_count
        )
        if became in (Became.UNCHANGED, Became.DUPLICATE, Became.MOVED):
            return [told]
        return [told, *self._of_attachments(path, document, became)]

    def _of_attachments(self, path: Path, document: Document, became: Became) -> Iterator[Outcome]:
        for attached in document.attachments.order_by("filename", "pk"):
            for told in self._told(path, attached, became):
                yield replace(told, path=f"{_shown(path)} > {attached.filename}")

    def _read(self, row: Document) -> None:
        """Ingest here until there is a result: another try may be due later, or a worker has it."""
        while self.task is not None or self.waits:
            if self.task is not None:
                self.task(str(row.pk))
            now = Document.objects.filter(pk=row.pk).first()
            if now is None or not now.is_in_progress:  # a version that is in force is no draft
                return
            time.sleep(_WAIT_S)


def _source(path: Path) -> str:
    """Return the whole path, as a database can store it."""
    return os.fsencode(path.resolve()).decode("utf-8", "backslashreplace")


def _shown(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _measured(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _is_gone(source: str) -> bool:
    """Tell whether the file is certainly not there; one that cannot be looked for may be."""
    try:
        Path(source).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
