"""Uploads of many files: the page that shows how far one is, and what the script sends."""

import json
import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from documents import uploads
from documents.announced_files import MOST_ANNOUNCED, announced
from documents.forms import SendingForm
from documents.models import UploadBatch, UploadFile
from documents.upload_limit import refused_fields
from documents.upload_progress import progress_of
from documents.views.lookup import SignedInRequest, list_page, visible_batch
from knowledge.lib.errors import InvalidInput
from knowledge.lib.htmx import with_toast

_FILES_A_LIST = 50
_FAILURES_SHOWN = 200
_UNSENT_SHOWN = 50
_RECENT = 5
# Of one request, so that what is to be sent again after a failure is little.
_FILES_A_REQUEST = 25
_BYTES_A_REQUEST = 8 * 1024 * 1024


def sending_limits() -> dict[str, int]:
    """Return what the script must know to send files in parts that are accepted."""
    return {
        "files": min(_FILES_A_REQUEST, settings.DATA_UPLOAD_MAX_NUMBER_FILES),
        "bytes": min(_BYTES_A_REQUEST, settings.MAX_UPLOAD_BYTES),
        "announced": MOST_ANNOUNCED,
        "batch": settings.MAX_BATCH_FILES,
    }


def recent_batches(user: User) -> list[dict[str, Any]]:
    """Return the person's latest uploads of many files, each with how far it is."""
    batches = UploadBatch.objects.visible_to(user).filter(owner=user)[:_RECENT]
    return [{"batch": batch, "progress": progress_of(batch)} for batch in batches]


@require_POST
def open_upload(request: SignedInRequest) -> HttpResponse:
    """Begin an upload of many files, and tell where its files go."""
    form = SendingForm(request.POST, user=request.user)
    if not form.is_valid():
        said = [str(error) for errors in form.errors.values() for error in errors]
        raise InvalidInput(" ".join(said))
    batch = uploads.open_batch(
        owner=request.user,
        name=request.POST.get("name", ""),
        visibility=form.cleaned_data["visibility"],
        teams=form.cleaned_data["teams"],
        on_same_name=form.cleaned_data["same_name"],
    )
    return JsonResponse({"url": reverse("documents:upload-batch", args=[batch.pk])}, status=201)


@require_GET
def detail(request: SignedInRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Show how far an upload is; the page asks every 2 s while it changes."""
    return _render_detail(request, visible_batch(request, batch_id))


def _render_detail(request: SignedInRequest, batch: UploadBatch) -> HttpResponse:
    files = batch.files.with_became()
    context = {
        "batch": batch,
        "progress": progress_of(batch),
        "failures": files.failed()[:_FAILURES_SHOWN],
        "unsent": files.unsent()[:_UNSENT_SHOWN],
        "arrived": list_page(files.filter(document__isnull=False), request, _FILES_A_LIST),
        "is_owner": batch.owner_id == request.user.pk,
        "sending": sending_limits(),
    }
    part = "#upload-view" if request.htmx.target == "upload-view" else ""
    return render(request, f"documents/upload_batch.html{part}", context)


@require_POST
def expect(request: SignedInRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Take a list of files that are going to be sent; answer with the numbers to send them under.

    Null stands for one that need not be sent: it is here already, or refused for its name or size.
    """
    batch = visible_batch(request, batch_id)
    try:
        said = json.loads(request.body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise InvalidInput("Send a JSON object.")
    numbers = uploads.expect_files(
        batch=batch,
        actor=request.user,
        files=announced(said.get("files")),
        is_resumed=bool(said.get("resumed")),
    )
    return JsonResponse({"numbers": numbers})


@require_POST
def send(request: SignedInRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Take files in, each in a field `file-NUMBER`, and tell what became of each.

    `sent` names the numbers of this request, since one that is too large is dropped while it
    arrives; `unreadable` those that the browser could not read.
    """
    batch = visible_batch(request, batch_id)
    rows = [
        uploads.receive_file(
            batch=batch,
            actor=request.user,
            number=number,
            file=request.FILES.get(f"file-{number}"),
            refusal=refused_fields(request).get(f"file-{number}"),
        )
        for number in _numbers(request, "sent")
    ]
    rows += [
        uploads.refuse_unreadable(batch=batch, actor=request.user, number=number)
        for number in _numbers(request, "unreadable")
    ]
    return JsonResponse({"files": [_answer(row) for row in rows]})


@require_POST
def retry(request: SignedInRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Have the documents of an upload that failed ingested again."""
    batch = visible_batch(request, batch_id)
    count = uploads.retry_batch(batch=batch, actor=request.user)
    if not request.htmx:
        messages.success(request, retried_sentence(count))
        return redirect("documents:upload-batch", batch_id)
    said = retried_sentence(count) if count else ""
    if resent := _number_or_zero(request.POST.get("resent", "")):
        said += f" {resent} file{'' if resent == 1 else 's'} will be sent again."
    said = said or "Choose the files again below: what was not taken has to be sent once more."
    return with_toast(_render_detail(request, batch), said.strip(), "success" if count else "info")


def retried_sentence(count: int) -> str:
    """Return what is said after failed documents were put back."""
    if not count:
        return "No document could be tried again."
    return f"{count} document{'' if count == 1 else 's'} will be tried again."


def _numbers(request: SignedInRequest, name: str) -> list[int]:
    given = request.POST.getlist(name)
    numbers = [_number_or_zero(number) for number in given]
    if not all(numbers):
        raise InvalidInput(f"`{name}` has to be the number of a file.")
    return numbers


def _number_or_zero(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0


def _answer(row: UploadFile) -> dict[str, Any]:
    return {"number": row.number, "state": row.state, "reason": row.reason}
