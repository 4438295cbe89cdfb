"""Versions of a document on its page: a new one uploaded, an earlier one downloaded."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from documents import versions
from documents.changes import require_change
from documents.downloads import download
from documents.exceptions import AlreadyUploaded
from documents.trail import record_download
from documents.upload_limit import oversized
from documents.views.lookup import SignedInRequest, visible_document
from knowledge.lib.errors import AppError
from knowledge.lib.failures import translated


@require_POST
def add(request: SignedInRequest, document_id: uuid.UUID) -> HttpResponse:
    """Upload a new version."""
    document = visible_document(request, document_id)
    require_change(document, request.user)
    if failures := oversized(request):
        return _told(request, document_id, failures[0])
    file = request.FILES.get("file")
    if file is None:
        messages.error(request, "Choose a file.")
        return _back(document_id)
    try:
        with translated():
            versions.upload_version(
                document=document, actor=request.user, file=file, filename=file.name or ""
            )
    except AlreadyUploaded:
        messages.info(request, "This file is the newest version already.")
    except AppError as error:
        if error.status in (403, 404):
            raise
        return _told(request, document_id, error)
    else:
        messages.success(request, "Uploaded. It is in force as soon as it has been read.")
    return _back(document_id)


@require_POST
def discard(request: SignedInRequest, document_id: uuid.UUID) -> HttpResponse:
    """Drop the new version that waits or failed."""
    document = visible_document(request, document_id)
    versions.discard_version(document=document, actor=request.user)
    messages.success(request, f"Dropped. Version {document.version} stays in force.")
    return _back(document_id)


@require_GET
def file(request: SignedInRequest, document_id: uuid.UUID, number: int) -> HttpResponseBase:
    """Send the file of a version as a download."""
    document = visible_document(request, document_id)
    version = versions.earlier_version(document, number)
    response = download(document, reader=request.user, version=version)
    record_download(document=document, actor=request.user, version=number)
    return response


def _told(request: SignedInRequest, document_id: uuid.UUID, error: AppError) -> HttpResponse:
    messages.error(request, error.message)
    return _back(document_id)


def _back(document_id: uuid.UUID) -> HttpResponse:
    return redirect(reverse("documents:detail", args=[document_id]) + "#versions")
