"""Who can read a document, over the API."""

import uuid

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.permissions import caller_of
from accounts.models import User
from documents.api.serializers import ReaderFilterSerializer, ReadersSerializer
from documents.models import Document
from documents.readers import Readers, explain, readers_of
from knowledge.lib.errors import NotAllowed, NotFound


class ReadersView(APIView):
    """People, and by what each of them reads the document."""

    @extend_schema(
        operation_id="documents_readers",
        tags=["Documents"],
        summary="Show who can read a document (its owner, administrators)",
        parameters=[ReaderFilterSerializer],
        responses={
            200: ReadersSerializer,
            403: OpenApiResponse(description="You may see the document but not share it."),
            404: OpenApiResponse(description="There is no such document or person."),
        },
    )
    def get(self, request: Request, document_id: uuid.UUID) -> Response:
        """Return the readers; an administrator may ask about one person instead."""
        caller = caller_of(request)
        document = Document.objects.visible_to(caller).filter(pk=document_id).first()
        if document is None:
            raise NotFound
        if not Document.objects.editable_by(caller).filter(pk=document_id).exists():
            raise NotAllowed
        asked = ReaderFilterSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        email = asked.validated_data.get("person", "")
        readers = _one(document, caller, email) if email else readers_of(document)
        return Response(ReadersSerializer(readers).data)


def _one(document: Document, admin: User, email: str) -> Readers:
    if not admin.is_organization_admin:
        raise NotAllowed
    people = User.objects.visible_to(admin).select_related("organization")
    person = people.filter(email=email.strip().lower()).first()
    if person is None:
        raise NotFound
    return Readers((explain(document, person),), is_cut=False)
