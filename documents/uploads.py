"""Uploads of many files: announced first, then sent in parts, and gone on with after a stop."""

import datetime
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NoReturn

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import Team, User
from documents import versions
from documents.announced_files import Announced
from documents.exceptions import AlreadyUploaded
from documents.extraction.registry import accepted_extensions
from documents.filenames import display_name
from documents.models import Document, UploadBatch, UploadFile
from documents.retries import retry_documents
from documents.services import sharing_for
from documents.upload_limit import too_large
from documents.versions import OnSameName
from knowledge.lib.errors import (
    AppError,
    InvalidInput,
    NotAllowed,
    NotFound,
    TooLarge,
    Unprocessable,
)
from knowledge.lib.failures import translated

State = UploadFile.State

_KEPT_BATCHES = 50  # of one person; the oldest go, as nobody looks at them again
_KEPT_FOR = datetime.timedelta(days=30)
_ARCHIVES = frozenset({"zip", "gz", "tgz", "tar", "bz2", "xz", "7z", "rar"})
_UNPACK = "Unpack it and upload the files in it."
_SAVE_AS_PDF = "If it is a document, save it as PDF and upload that."
_UNREADABLE = (
    "The browser could not read this file. Check that it still exists and that you may open it, "
    "then choose it again."
)


def open_batch(
    *,
    owner: User,
    name: str,
    visibility: str,
    teams: Iterable[Team] = (),
    on_same_name: str = OnSameName.KEEP,
) -> UploadBatch:
    """Begin an upload of many files.

    Args:
        owner: whose documents they become.
        name: of the folder, or what else to call it; cleaned for display.
        visibility, teams: who may read the documents, as in `share_document`.
        on_same_name: whether a file of a name that the owner has becomes its next version.

    Raises:
        NotAllowed: the owner is no member of an organization.
        InvalidInput: visibility and teams do not fit.
    """
    if not owner.is_active or owner.organization_id is None:
        raise NotAllowed("Only a member of an organization can upload documents.")
    shared_with = sharing_for(owner=owner, visibility=visibility, teams=teams)
    batch = UploadBatch(
        organization_id=owner.organization_id,
        owner=owner,
        name=display_name(name),
        visibility=visibility,
        on_same_name=on_same_name,
    )
    batch.full_clean()
    with transaction.atomic():
        batch.save(force_insert=True)
        batch.teams.set(shared_with)
        old = UploadBatch.objects.filter(owner=owner).order_by("-created_at", "pk")[_KEPT_BATCHES:]
        UploadBatch.objects.filter(pk__in=[one.pk for one in old]).delete()
    return batch


@transaction.atomic
def expect_files(
    *, batch: UploadBatch, actor: User, files: Sequence[Announced], is_resumed: bool = False
) -> list[int | None]:
    """Note which files are going to be sent, or tell which of them still have to be.

    What can be refused by its name and size is refused here, before a byte of it is sent.

    Args:
        is_resumed: files that the upload does not know are left out rather than added.

    Returns:
        For each file the number to send it under; None where it need not be sent.

    Raises:
        NotAllowed: it is somebody else's upload.
        Unprocessable: more than `MAX_BATCH_FILES` of one upload.
    """
    batch = _locked(batch, actor)
    keys = [file.key for file in files]
    known = {row.key: row for row in batch.files.filter(key__in=keys)}
    if not is_resumed:
        _add(batch, {key: f for key, f in zip(keys, files, strict=True) if key not in known}, known)
    numbers = []
    for key, file in zip(keys, files, strict=True):
        row = known.get(key)
        if row is not None:
            _compare(row, file)
        numbers.append(row.number if row is not None and _is_to_be_sent(row) else None)
    return numbers


def receive_file(
    *,
    batch: UploadBatch,
    actor: User,
    number: int,
    file: "UploadedFile[bytes] | None",
    refusal: AppError | None = None,
) -> UploadFile:
    """Take one file of an upload in; one that is here already is not taken again.

    Args:
        file: None for one that was dropped while it arrived.
        refusal: why it was.

    Raises:
        NotFound: the upload has no such number.
        NotAllowed: it is somebody else's upload.
        Unavailable, Overloaded, Busy: nothing has changed; the same may be sent again later.
    """
    row = _row(batch, actor, number)
    if row.is_done:
        return row
    try:
        if file is None:
            raise _why_dropped(row, refusal)
        with translated():
            row.document = versions.upload(
                owner=actor,
                file=file,
                filename=PurePosixPath(row.path).name,
                on_same_name=batch.on_same_name,
                before=batch.created_at,
                visibility=batch.visibility,
                teams=batch.teams.all(),
            )
        row.state = State.TAKEN
    except AlreadyUploaded as known:
        row.document = known.document
        row.state = State.TAKEN if _was_sent_before(batch, known.document) else State.KNOWN
    except AppError as error:
        if error.status >= 500:
            raise  # no fault of the file
        row.state, row.reason = State.REFUSED, _short(error)
    if row.is_done:
        row.reason = ""
    _record(row)
    return row


def refuse_unreadable(*, batch: UploadBatch, actor: User, number: int) -> UploadFile:
    """Note that the browser could not read a file that it had announced."""
    row = _row(batch, actor, number)
    if not row.is_done:
        row.state, row.reason = State.REFUSED, _UNREADABLE
        _record(row)
    return row


def retry_batch(*, batch: UploadBatch, actor: User) -> int:
    """Have the documents of an upload that failed read again; return how many it are."""
    return retry_documents(documents=Document.objects.filter(sent_as__batch=batch), actor=actor)


def forget_old_batches() -> int:
    """Remove what is noted about uploads that are long over; their documents stay."""
    old = UploadBatch.objects.filter(last_sent_at__lt=timezone.now() - _KEPT_FOR)
    return old.delete()[1].get("documents.UploadBatch", 0)


def _locked(batch: UploadBatch, actor: User) -> UploadBatch:
    found = UploadBatch.objects.select_for_update().filter(pk=batch.pk).first()
    if found is None:
        raise NotFound
    _check_owner(found, actor)
    return found


def _check_owner(batch: UploadBatch, actor: User) -> None:
    # An administrator sees it; what is sent would become the administrator's documents.
    if batch.owner_id != actor.pk:
        raise NotAllowed("Only who began this upload can send files for it.")


def _row(batch: UploadBatch, actor: User, number: int) -> UploadFile:
    _check_owner(batch, actor)
    row = batch.files.select_related("document").filter(number=number).first()
    if row is None:
        raise NotFound
    return row


def _record(row: UploadFile) -> None:
    """Write what became of a file, unless another request has taken it in meanwhile."""
    same = UploadFile.objects.filter(pk=row.pk).exclude(state__in=[State.TAKEN, State.KNOWN])
    same.update(state=row.state, reason=row.reason, document=row.document)
    UploadBatch.objects.filter(pk=row.batch_id).update(last_sent_at=timezone.now())


def _add(batch: UploadBatch, files: dict[str, Announced], known: dict[str, UploadFile]) -> None:
    """Add rows for files that are new; two of one path are one."""
    last = batch.files.aggregate(last=Max("number"))["last"] or 0
    if last + len(files) > settings.MAX_BATCH_FILES:
        _refuse_so_many()
    for number, (key, file) in enumerate(files.items(), start=last + 1):
        known[key] = UploadFile(
            batch=batch,
            number=number,
            key=key,
            path=file.shown_path,
            size=file.size,
            modified=file.modified,
        )
        _judge(known[key])
    UploadFile.objects.bulk_create([known[key] for key in files])


def _refuse_so_many() -> NoReturn:
    limit = settings.MAX_BATCH_FILES
    raise Unprocessable(
        f"More than {limit:,} files cannot be uploaded at once. Choose a part of the folder.",
        details={"limit": limit, "limit_name": "MAX_BATCH_FILES"},
    )


def _compare(row: UploadFile, file: Announced) -> None:
    """Have a file sent anew that is not the one that was announced before under its path."""
    if (row.size, row.modified) == (file.size, file.modified):
        return
    row.size, row.modified = file.size, file.modified
    if not row.is_done:
        row.state, row.reason = State.WAITING, ""
        _judge(row)
    row.save(update_fields=["size", "modified", "state", "reason"])


def _judge(row: UploadFile) -> None:
    """Refuse a file for what is known of it before it is sent."""
    extension = PurePosixPath(row.path).suffix[1:].lower()
    if extension not in accepted_extensions():
        kind = f"(.{extension[:16]}) " if extension else ""
        what_to_do = _UNPACK if extension in _ARCHIVES else _SAVE_AS_PDF
        row.state = State.REFUSED
        row.reason = f"Files of this kind {kind}are not read here. {what_to_do}"
    elif row.size > settings.MAX_UPLOAD_BYTES:
        row.state, row.reason = State.REFUSED, too_large(row.path).message


def _is_to_be_sent(row: UploadFile) -> bool:
    """Tell whether sending it (again) may help."""
    if row.state == State.REFUSED:
        _judge(judged := UploadFile(path=row.path, size=row.size))
        return judged.state != State.REFUSED
    return not row.is_done


def _why_dropped(row: UploadFile, refusal: AppError | None) -> AppError:
    if isinstance(refusal, TooLarge) and refusal.details["limit_name"] == "MAX_UPLOAD_BYTES":
        return too_large(row.path)  # it was sent under its number, not under its name
    return refusal or InvalidInput("This file did not arrive. Send it again.")


def _was_sent_before(batch: UploadBatch, document: Document) -> bool:
    """Tell whether a document is of this very upload, whose answer was lost on its way."""
    is_newer = document.created_at >= batch.created_at
    return is_newer and not batch.files.filter(document=document).exists()


def _short(error: AppError) -> str:
    """Return the error's sentence without the list of all types that are accepted."""
    return error.message.partition(" Accepted are:")[0]
