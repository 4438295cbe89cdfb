"""Who can see a document, for who may share it; why somebody can or cannot, for administrators."""

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.models import User
from documents.models import Document
from documents.readers import explain, readers_of
from documents.views.lookup import SignedInRequest, visible_document
from knowledge.lib.errors import NotAllowed


@require_GET
def readers(request: SignedInRequest, document_id: uuid.UUID) -> HttpResponse:
    """List the readers with their reasons; `?person=` is the email of whom an admin asks about."""
    document = visible_document(request, document_id)
    same = Document.objects.filter(pk=document.pk)
    if not same.editable_by(request.user).exists():
        raise NotAllowed
    email = request.GET.get("person", "").strip().lower()
    may_ask = request.user.is_organization_admin
    person = None
    if email and may_ask:
        people = User.objects.visible_to(request.user).select_related("organization")
        person = people.filter(email=email).first()
    context = {
        "document": document,
        "readers": readers_of(document),
        "may_ask": may_ask,
        "asked": email if may_ask else "",
        "explanation": explain(document, person) if person is not None else None,
    }
    return render(request, "documents/reader_list.html", context)
