"""Everything that changes documents: upload, sharing, retry and delete."""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO

from django.core.files.base import File
from django.db import transaction

from accounts import audit
from accounts.models import Team, User
from documents import files, leases
from documents.attachments import DEEPEST, below, share_alike
from documents.changes import locked_for_change, record, refuse
from documents.exceptions import AlreadyUploaded
from documents.filenames import display_name
from documents.intake import enqueue_ingestion, take_in, type_of
from documents.labels import BadLabel, collection_of, tags_of
from documents.models import Document, DocumentVersion
from documents.page_cache import forget_page_images
from documents.projection import projection
from documents.querysets import DocumentQuerySet
from documents.removal import delete_rows
from knowledge.lib import context
from knowledge.lib.errors import Conflict, InvalidInput, NotAllowed, NotFound
from knowledge.lib.faults import FaultPoint, passing

Visibility = Document.Visibility

# Documents a transaction, and passages, which are what takes time: some tenths of a second. Readers
# never wait for it; those who write do.
_DELETE_BATCH = 100
_DELETE_PASSAGES = 2_000
# Between two of them. Who waits for SQLite's lock looks for it every 100 ms.
_DELETE_PAUSE_S = 0.12


def upload_document(
    *,
    owner: User,
    file: File[bytes] | IO[bytes],
    filename: str,
    visibility: str = Visibility.PRIVATE,
    teams: Iterable[Team] = (),
    tags: Iterable[str] = (),
    collection: str = "",
    source: str = "",
    ingest: bool = True,
) -> Document:
    """Store a file and its row durably, and have it ingested.

    Args:
        owner: who uploads it; the document belongs to their organization.
        file: open for reading bytes, at its start.
        filename: as the user knows it; cleaned for display, never used as a path.
        visibility, teams: who may read it, as in `share_document`.
        tags, collection: what it is sorted by, as in `edit_document`.
        source: the path that it was read from on this machine, if it was.
        ingest: ring for a worker; False where the caller ingests by itself.

    Raises:
        AlreadyUploaded: the owner has a document of the same bytes that has not failed.
        UnsupportedType: content and extension are of no accepted type.
        TooLarge: more than `MAX_UPLOAD_BYTES`, or than owner or organization may keep.
        Unprocessable: they have as many documents as they may.
        InvalidInput: visibility and teams do not fit, or a tag or the collection is too long.
    """
    if not owner.is_in_service or owner.organization_id is None:
        raise NotAllowed("Only a member of an organization can upload documents.")
    name = display_name(filename)
    file_type = type_of(name, file)
    shared_with = sharing_for(owner=owner, visibility=visibility, teams=teams)
    try:
        labels, group = tags_of(tags), collection_of(collection)
    except BadLabel as error:
        raise InvalidInput(str(error)) from error
    document = Document(
        organization_id=owner.organization_id,
        uploaded_by=owner,
        filename=name,
        source=source,
        extension=file_type.extension,
        content_type=file_type.content_type,
        visibility=visibility,
        collection=group.name,
        collection_key=group.key,
        request_id=context.current().request_id,
    )

    def admit(measured: Document) -> list[Team]:
        if existing := _equal_to(measured):
            raise AlreadyUploaded(existing)
        return shared_with

    take_in(document=document, file=file, admit=admit, tags=labels, ingest=ingest)
    return document


def sharing_for(*, owner: User, visibility: str, teams: Iterable[Team]) -> list[Team]:
    """Return the teams that documents of the owner would be shared with.

    Raises:
        InvalidInput: visibility and teams do not fit.
    """
    return _teams_for(visibility, teams, choices=_teams_open_to(owner))


@transaction.atomic
def share_document(
    *, document: Document, actor: User, visibility: str, teams: Iterable[Team] = ()
) -> Document:
    """Set who may read a document; it holds from the next query on.

    The owner shares with teams of their own, an administrator with any of the organization. Teams
    that it is shared with already may stay. What came with it is shared alike.

    Raises:
        NotFound, NotAllowed: the actor may not see, or not change, the document.
        Conflict: it came with a message, whose sharing it has.
        InvalidInput: visibility and teams do not fit.
    """
    document = locked_for_change(document, actor)
    if document.attached_to_id is not None:
        # SECURITY: or what was taken back with its message would stay open as its attachment.
        raise Conflict("An attachment is shared as the message it came with: share that one.")
    choices = _teams_open_to(actor) | set(document.teams.values_list("pk", flat=True))
    shared_with = _teams_for(visibility, teams, choices=choices)
    before = document.visibility
    document.visibility = visibility
    document.full_clean()
    document.save(update_fields=["visibility"])
    document.teams.set(shared_with)
    attachments = share_alike(document, shared_with)
    record(
        "document.shared",
        document,
        actor,
        visibility=visibility,
        visibility_before=before,
        teams=sorted(str(team.pk) for team in shared_with),
        attachments=attachments,
    )
    return document


@transaction.atomic
def retry_document(*, document: Document, actor: User) -> Document:
    """Have a failed document ingested again, with all its attempts, or its failed next version.

    Raises:
        NotFound, NotAllowed: the actor may not see, or not change, the document.
        Conflict: it has not failed, or its uploader has uploaded the same file again since.
    """
    document = locked_for_change(document, actor)
    drafts = Document.objects.select_for_update(of=("self",)).filter(version_of=document)
    draft = drafts.filter(status=Document.Status.FAILED).first()
    if draft is None:
        if not document.is_failed:
            raise Conflict("Only a failed document can be tried again.")
        if document.attached_to_id is None and _equal_to(document):
            raise Conflict(
                "The same file was uploaded again since; this one is not needed any more."
            )
    again = draft or document
    leases.reopen(again, request_id=context.current().request_id)
    record("document.retried", document, actor)
    transaction.on_commit(lambda: enqueue_ingestion(again.pk), robust=True)
    return document


def delete_document(*, document: Document, actor: User) -> None:
    """Delete a document with all that was derived from it; when this returns nothing finds it.

    Raises:
        NotFound, NotAllowed: the actor may not see, or not delete, the document.
    """
    same = Document.objects.filter(pk=document.pk)
    if not same.deletable_by(actor).exists():
        refuse(document, actor)
    if not delete_documents(documents=same, actor=actor):
        raise NotFound


def delete_documents(*, documents: DocumentQuerySet, actor: User) -> int:
    """Delete those of the documents that the actor may delete, with what came with them.

    Rows, index and audit trail of a batch go in one transaction; the files follow its commit.

    Returns:
        How many went, attachments included.
    """
    deleted = 0
    for number, batch in enumerate(_delete_batches(_doomed(documents.deletable_by(actor)))):
        if number:
            time.sleep(_DELETE_PAUSE_S)
        deleted += _delete_batch(batch, actor)
    return deleted


def delete_all_of(*, organization_id: uuid.UUID, sign_of_life: Callable[[], None]) -> int:
    """Delete every document of an organization; return how many went.

    SECURITY: asks for no rights; its caller does.
    """
    deleted = 0
    while True:
        theirs = Document.objects.without_drafts().filter(organization_id=organization_id)
        batches = list(_delete_batches(_doomed(theirs)))
        if not batches:
            return deleted
        for batch in batches:
            deleted += _delete_batch(batch, None)
            sign_of_life()
            time.sleep(_DELETE_PAUSE_S)


def _doomed(documents: DocumentQuerySet) -> list[tuple[uuid.UUID, int]]:
    """Return key and passages of the documents, and ahead of them of what came with them."""
    # SECURITY: an attachment is of its message's organization, so who may delete one may the other.
    wanted = documents.order_by().values("pk")
    levels = [documents.order_by()]
    for depth in range(DEEPEST):
        came_with = "__".join(["attached_to"] * (depth + 1))
        levels.insert(0, Document.objects.order_by().filter(**{f"{came_with}__in": wanted}))
    rows = [row for level in levels for row in level.values_list("pk", "chunk_count")]
    return list(dict(rows).items())  # one that was asked for as well stands first


def _delete_batches(rows: Iterable[tuple[uuid.UUID, int]]) -> Iterator[list[uuid.UUID]]:
    """Yield the keys of (key, passages) in parts that a transaction can take."""
    batch: list[uuid.UUID] = []
    passages = 0
    for key, count in rows:
        if batch and (len(batch) == _DELETE_BATCH or passages + count > _DELETE_PASSAGES):
            yield batch
            batch, passages = [], 0
        batch.append(key)
        passages += count
    if batch:
        yield batch


@transaction.atomic
def _delete_batch(keys: Sequence[uuid.UUID], actor: User | None) -> int:
    # Locked: a worker that is about to publish one of them waits, then finds it gone.
    rows = Document.objects.select_for_update(of=("self",)).select_related("organization")
    documents = list(rows.filter(pk__in=keys))
    known = {document.pk for document in documents}
    documents += [attached for attached in below(known) if attached.pk not in known]
    drafts = list(rows.filter(version_of__in=documents))
    earlier = DocumentVersion.objects.filter(document__in=documents)
    by_organization: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for document in documents:
        by_organization[document.organization_id].append(document.pk)
    for organization_id, document_ids in by_organization.items():
        projection().before_removal(organization_id=organization_id, document_ids=document_ids)
    passing(FaultPoint.DELETE_INDEX_CLEARED)
    paths = [str(document.file.name) for document in (*documents, *drafts)]
    paths += earlier.values_list("file", flat=True)
    files.forget(paths)
    removed = [document.pk for document in (*documents, *drafts)]
    audit.record_for_each(
        action="document.deleted",
        actor=actor,
        targets=[(d.organization, d, {"filename": d.filename, "size": d.size}) for d in documents],
    )
    delete_rows(removed)
    passing(FaultPoint.DELETE_ROWS_GONE)
    transaction.on_commit(lambda: _remove_files(removed, paths), robust=True)
    return len(documents)


def _remove_files(keys: Sequence[uuid.UUID], paths: Sequence[str]) -> None:
    passing(FaultPoint.DELETE_COMMITTED)
    forget_page_images(keys)
    files.remove(paths)


def _equal_to(document: Document) -> Document | None:
    """Return what the uploader has of the same bytes; call it in the transaction that adds it.

    Of bytes that wait to be the next version of a document, it is that document.

    The uploader's row is locked until the commit, so that of two equal uploads one waits here and
    then finds the other.
    """
    User.objects.select_for_update(no_key=True).get(pk=document.uploaded_by_id)
    found = Document.objects.equal_to(document).select_related("version_of").first()
    return found and (found.version_of or found)


def _teams_open_to(actor: User) -> set[uuid.UUID]:
    """Return the teams the actor may share with: their own; an administrator: all."""
    return set(Team.objects.visible_to(actor).values_list("pk", flat=True))


def _teams_for(visibility: str, teams: Iterable[Team], *, choices: set[uuid.UUID]) -> list[Team]:
    """Return the teams to share with, after checking them against visibility and choices."""
    chosen = list(teams)
    if visibility not in Visibility.values:
        raise InvalidInput(f"Visibility must be one of {', '.join(Visibility.values)}.")
    # SECURITY: without this a document could be shared into another organization's team. A team
    # that may not be chosen answers like one that does not exist.
    if any(team.pk not in choices for team in chosen):
        raise InvalidInput("There is no such team to share with.")
    if visibility == Visibility.TEAMS and not chosen:
        raise InvalidInput("Choose at least one team to share with.")
    if visibility != Visibility.TEAMS and chosen:
        raise InvalidInput("Teams can be chosen only together with the visibility “teams”.")
    return chosen
