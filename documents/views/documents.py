"""The document pages: list, upload, one document, and what can be done with it."""

import uuid
from copy import copy
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import Count
from django.db.models.functions import Substr
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import User
from documents import editing, services, versions
from documents.downloads import download
from documents.exceptions import AlreadyUploaded
from documents.extraction.registry import FORMATS
from documents.filenames import display_name
from documents.forms import DocumentFilterForm, EditForm, SharingForm, UploadForm
from documents.models import Document
from documents.quotas import quotas_of
from documents.retries import retry_documents
from documents.trail import record_download, record_view
from documents.upload_limit import oversized
from documents.views.lookup import SignedInRequest, list_page, visible_document
from documents.views.uploads import recent_batches, retried_sentence, sending_limits
from knowledge.lib.errors import AppError, InvalidInput
from knowledge.lib.failures import translated

_DOCUMENTS_A_LIST = 25
_PAGES_A_LIST = 50
_SNIPPET_CHARACTERS = 300  # more than two lines, where the style cuts it


@require_GET
def document_list(request: SignedInRequest) -> HttpResponse:
    """Show what the user may read, newest first."""
    filters = DocumentFilterForm(request.GET, user=request.user)
    chosen = filters.chosen
    visible = Document.objects.visible_to(request.user).narrowed(filters.narrowing)
    found = visible.search(chosen.get("search", "")).newest_first()
    if "status" in chosen:
        found = found.filter(status=chosen["status"])
    found = found.select_related("uploaded_by", "attached_to", "draft")
    found = found.prefetch_related("attachments", "tags")
    shown = list_page(found, request, _DOCUMENTS_A_LIST)
    context = {
        "filters": filters,
        "is_filtered": bool(chosen),
        "documents": shown,
        "query": urlencode(chosen),
        # The chat is narrowed by tags and collections, and by nothing else of these.
        "narrowing": urlencode({k: v for k, v in chosen.items() if k in ("tag", "collection")}),
        "polling": any(document.is_changing for document in shown),
        "failed_count": Document.objects.editable_by(request.user).failed().count(),
        **_allowed(request.user, [document.pk for document in shown]),
    }
    part = "#documents" if request.htmx.target == "documents" else ""
    return render(request, f"documents/document_list.html{part}", context)


@require_GET
def status(request: SignedInRequest) -> HttpResponse:
    """Give the present state of documents that are being ingested; the page asks every 2 s.

    The answer asks again only while one of them is in progress, so that the polling ends.
    """
    asked = [key for key in map(_uuid_or_none, request.GET.getlist("id")) if key]
    visible = Document.objects.visible_to(request.user).select_related("draft")
    documents = list(visible.filter(pk__in=asked[:100]))
    polling = any(document.is_changing for document in documents)
    return _status_answer(request, documents, polling=polling)


@require_http_methods(["GET", "POST"])
def upload(request: SignedInRequest) -> HttpResponse:
    """Take files from a plain form; with JavaScript the page sends them in parts (`uploads`)."""
    form = UploadForm(request.POST or None, request.FILES or None, user=request.user)
    failures = [error.message for error in oversized(request)]
    if request.method == "POST" and (form.is_valid() or failures):
        accepted = 0
        if form.is_valid():
            accepted = _upload_all(request, form.cleaned_data, failures)
        if accepted:
            messages.success(request, _accepted_sentence(accepted))
        if not failures:
            return redirect("documents:list")
    context = {
        "form": form,
        "failures": failures,
        "formats": [format.name for format in FORMATS],
        "max_bytes": settings.MAX_UPLOAD_BYTES,
        "sending": sending_limits(),
        "quotas": quotas_of(request.user),
        "batches": recent_batches(request.user),
    }
    code = 422 if request.method == "POST" else 200
    return render(request, "documents/document_upload.html", context, status=code)


@require_GET
def detail(request: SignedInRequest, document_id: uuid.UUID) -> HttpResponse:
    """Show one document: its facts, who may read it, its pages."""
    document = visible_document(request, document_id)
    record_view(document=document, actor=request.user)
    return _render_detail(request, document)


@require_GET
def file(request: SignedInRequest, document_id: uuid.UUID) -> HttpResponseBase:
    """Send the original as a download."""
    document = visible_document(request, document_id)
    response = download(document, reader=request.user)
    record_download(document=document, actor=request.user)
    return response


@require_POST
def share(request: SignedInRequest, document_id: uuid.UUID) -> HttpResponse:
    """Set who may read the document."""
    document = visible_document(request, document_id)
    form = SharingForm(request.POST, user=request.user, document=document)
    if not form.is_valid():
        return _render_detail(request, document, form, code=422)
    services.share_document(
        document=document,
        actor=request.user,
        visibility=form.cleaned_data["visibility"],
        teams=form.cleaned_data["teams"],
    )
    messages.success(request, "Sharing saved. It holds from the next question on.")
    return redirect("documents:detail", document_id)


@require_POST
def edit(request: SignedInRequest, document_id: uuid.UUID) -> HttpResponse:
    """Give the document another name, description, collection, or other tags."""
    document = visible_document(request, document_id)
    form = EditForm(request.POST, instance=copy(document))
    if form.is_valid():
        try:
            editing.edit_document(document=document, actor=request.user, **form.given)
        except InvalidInput as error:
            form.add_error(None, error.message)
    if not form.is_valid():
        return _render_detail(request, document, edit_form=form, code=422)
    messages.success(request, "Saved.")
    return redirect("documents:detail", document_id)


@require_POST
def retry(request: SignedInRequest, document_id: uuid.UUID) -> HttpResponse:
    """Have a failed document ingested again."""
    document = visible_document(request, document_id)
    document = services.retry_document(document=document, actor=request.user)
    if request.htmx:
        return _status_answer(request, [document], polling=True)
    return redirect(_next(request, reverse("documents:detail", args=[document_id])))


@require_POST
def retry_failed(request: SignedInRequest) -> HttpResponse:
    """Have every failed document that the person may change ingested again."""
    count = retry_documents(documents=Document.objects.all(), actor=request.user)
    messages.success(request, retried_sentence(count))
    return redirect(_next(request, reverse("documents:list")))


@require_http_methods(["GET", "POST"])
def delete(request: SignedInRequest, document_id: uuid.UUID) -> HttpResponse:
    """Ask, then delete; with JavaScript the list asks in a dialog of its own."""
    document = visible_document(request, document_id)
    if request.method == "GET":
        context = {"document": document, "attachments": document.attachments.count()}
        return render(request, "documents/document_delete.html", context)
    services.delete_document(document=document, actor=request.user)
    messages.success(request, f"“{document.filename}” was deleted.")
    return redirect("documents:list")


def _allowed(user: User, keys: list[uuid.UUID]) -> dict[str, Any]:
    """Return which of the documents the user may change and delete, for the buttons."""
    these = Document.objects.filter(pk__in=keys)
    return {
        "editable": set(these.editable_by(user).values_list("pk", flat=True)),
        "can_delete": these.deletable_by(user).exists(),
    }


def _status_answer(
    request: SignedInRequest, documents: list[Document], *, polling: bool
) -> HttpResponse:
    allowed = _allowed(request.user, [document.pk for document in documents])
    context = {"documents": documents, "polling": polling, **allowed}
    return render(request, "documents/document_list.html#changes", context)


def _upload_all(request: SignedInRequest, given: dict[str, Any], failures: list[str]) -> int:
    """Upload each file by itself, so that a bad one keeps none of the others back."""
    accepted = 0
    for file in given["file"]:
        try:
            with translated():
                versions.upload(
                    owner=request.user,
                    file=file,
                    filename=file.name,
                    visibility=given["visibility"],
                    teams=given["teams"],
                    on_same_name=given["same_name"],
                )
            accepted += 1
        except AlreadyUploaded as known:
            messages.info(request, _known_sentence(file.name, known.document))
        except AppError as error:
            failures.append(f"{display_name(file.name)}: {error.message}")
    return accepted


def _accepted_sentence(count: int) -> str:
    return "1 file was uploaded." if count == 1 else f"{count} files were uploaded."


def _known_sentence(filename: str, document: Document) -> str:
    return format_html(
        'You uploaded “{}” already: <a href="{}">{}</a> stays as it is, its sharing too.',
        display_name(filename),
        reverse("documents:detail", args=[document.pk]),
        document.filename,
    )


def _render_detail(
    request: SignedInRequest,
    document: Document,
    form: SharingForm | None = None,
    *,
    edit_form: EditForm | None = None,
    code: int = 200,
) -> HttpResponse:
    pages = document.pages.order_by("number").defer("text")
    pages = pages.annotate(snippet=Substr("text", 1, _SNIPPET_CHARACTERS))
    visible = Document.objects.visible_to(request.user)
    attached_to = visible.filter(attachments=document)
    context = {
        "document": document,
        "form": form or SharingForm(user=request.user, document=document),
        "edit_form": edit_form or EditForm(instance=document),
        "offered_collections": [name for name, _ in visible.collections()],
        "tags": document.tags.all(),
        "pages": list_page(pages, request, _PAGES_A_LIST),
        "attachments": document.attachments.visible_to(request.user).order_by("filename", "pk"),
        "attached_to": attached_to.first(),
        "teams": document.teams.annotate(size=Count("members")),
        "polling": document.is_changing,
        "versions": versions.versions_of(document),
        "can_have_versions": Document.objects.with_versions().filter(pk=document.pk).exists(),
        **_allowed(request.user, [document.pk]),
    }
    return render(request, "documents/document_detail.html", context, status=code)


def _next(request: SignedInRequest, default: str) -> str:
    """Return where the form wants to go afterwards, if that is on this site."""
    wanted = request.POST.get("next", "")
    here = {request.get_host()}
    safe = url_has_allowed_host_and_scheme(wanted, here, require_https=request.is_secure())
    return wanted if safe else default


def _uuid_or_none(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
