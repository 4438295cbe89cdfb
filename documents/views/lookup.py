"""What the document pages share: who asks, the document they may see, a page of a list."""

import uuid
from typing import Any

from django.core.paginator import Page as ListPage
from django.core.paginator import Paginator
from django.db.models import QuerySet

from accounts.models import User
from documents.models import Document, UploadBatch
from knowledge.lib.errors import NotFound
from knowledge.lib.htmx import HtmxHttpRequest


class SignedInRequest(HtmxHttpRequest):
    """A request that LoginRequiredMiddleware let through, for type checkers."""

    user: User


def visible_document(request: SignedInRequest, document_id: uuid.UUID) -> Document:
    """Return the document, or raise NotFound alike when it is missing and when it is hidden."""
    visible = Document.objects.visible_to(request.user)
    found = visible.select_related("uploaded_by", "version_by", "draft")
    document = found.filter(pk=document_id).first()
    if document is None:
        raise NotFound
    return document


def visible_batch(request: SignedInRequest, batch_id: uuid.UUID) -> UploadBatch:
    """Return the upload, or raise NotFound alike when it is missing and when it is hidden."""
    found = UploadBatch.objects.visible_to(request.user).select_related("owner")
    batch = found.filter(pk=batch_id).first()
    if batch is None:
        raise NotFound
    return batch


def list_page(rows: QuerySet[Any], request: SignedInRequest, size: int) -> ListPage[Any]:
    """Return the page of a list that the address asks for, or the nearest there is."""
    return Paginator(rows, size).get_page(request.GET.get("page"))
