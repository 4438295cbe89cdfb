"""One page of a document, as it is printed or as text, and the passages it was cut into."""

import uuid
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from documents.models import Document, Page
from documents.page_images import has_images
from documents.passages import mark
from documents.previews import image_answer, preview_of
from documents.slide_pages import has_slides, is_first_look
from documents.trail import record_view
from documents.views.lookup import SignedInRequest, list_page, visible_document
from knowledge.lib.errors import NotFound

_PASSAGES_A_LIST = 20


@require_GET
def page(request: SignedInRequest, document_id: uuid.UUID, number: int) -> HttpResponse:
    """Show a page with the span `?start=&end=` marked: as printed, or as text for `?view=text`.

    The rest of the passage, `?from=&to=`, is marked lightly. A span of another `?version=` than
    the one in force says something else here, or nothing: it is not marked, and the page says so.
    The first look at slides takes seconds: the text is shown at once, and the page asks for the
    picture with `?draw=`.
    """
    document = visible_document(request, document_id)
    is_outdated = "start" in request.GET and _version_asked(request) != document.version
    if is_outdated and not document.pages.filter(number=number).exists():
        messages.info(request, "A newer version of this document is in force.")
        return redirect("documents:detail", document_id)
    shown = _visible_page(request, document, number)
    record_view(document=document, actor=request.user, page=number)
    numbers = document.pages.order_by("number").values_list("number", flat=True)
    asked = {key: request.GET[key] for key in ("start", "end", "from", "to") if key in request.GET}
    if is_outdated:
        asked = {}
    text = mark(shown.text, *(asked.get(key) for key in ("start", "end", "from", "to")))
    wants_text = request.GET.get("view") == "text"
    is_waiting = not wants_text and "draw" not in request.GET and is_first_look(document)
    context = {
        "document": document,
        "page": shown,
        "text": text,
        "view": "text" if wants_text else "",
        "preview": None if wants_text or is_waiting else preview_of(document, shown, text),
        "is_waiting": is_waiting,
        "is_slide": has_slides(document),
        "has_images": has_images(document),
        "is_outdated": is_outdated,
        "span": urlencode(asked | _version_told(document)) if text.passage else "",
        "previous": numbers.filter(number__lt=number).last(),
        "next": numbers.filter(number__gt=number).first(),
        "last": numbers.last(),
    }
    part = "#page-shown" if request.htmx.target == "page-shown" else ""
    return render(request, f"documents/page_detail.html{part}", context)


@require_GET
def page_image(request: SignedInRequest, document_id: uuid.UUID, number: int) -> HttpResponse:
    """Send the picture of a page, about `?width=` pixels wide."""
    document = visible_document(request, document_id)
    _visible_page(request, document, number)
    record_view(document=document, actor=request.user, page=number)
    return image_answer(request, document, number)


@require_GET
def passages(request: SignedInRequest, document_id: uuid.UUID) -> HttpResponse:
    """Show the chunks a document was cut into, as they are searched and cited."""
    document = visible_document(request, document_id)
    shown = list_page(document.chunks.order_by("chunk_index"), request, _PASSAGES_A_LIST)
    record_view(document=document, actor=request.user, part="passages")
    part = "#passages" if request.htmx.target == "passages" else ""
    context = {"document": document, "passages": shown}
    return render(request, f"documents/chunk_list.html{part}", context)


def _version_asked(request: SignedInRequest) -> int:
    """Return the version that a span is of; addresses of a first one do not name it."""
    asked = request.GET.get("version", "1")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0


def _version_told(document: Document) -> dict[str, str]:
    return {"version": str(document.version)} if document.version > 1 else {}


def _visible_page(request: SignedInRequest, document: Document, number: int) -> Page:
    pages = Page.objects.visible_to(request.user).filter(document=document)
    shown = pages.filter(number=number).first()
    if shown is None:
        raise NotFound("This document has no such page.")
    return shown
