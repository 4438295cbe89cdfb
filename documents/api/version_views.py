"""The API of versions: what there were, what there is to come, and their files."""

import uuid

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status, viewsets
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import caller_of
from documents import versions
from documents.api.serializers import DocumentSerializer, FileSerializer, VersionSerializer
from documents.changes import require_change
from documents.downloads import download
from documents.exceptions import AlreadyUploaded
from documents.models import Document
from documents.trail import record_download
from documents.upload_limit import oversized
from knowledge.lib.errors import NotFound

_NOT_FOUND = OpenApiResponse(description="There is no such document that you may see.")
_NOT_ALLOWED = OpenApiResponse(description="You may see the document but not change it.")


@extend_schema(tags=["Documents"])
class VersionViewSet(viewsets.GenericViewSet[Document]):
    """Versions of a document that the caller may see."""

    serializer_class = VersionSerializer
    queryset = Document.objects.none()
    parser_classes = [JSONParser, FormParser, MultiPartParser]
    pagination_class = None

    @extend_schema(
        operation_id="documents_versions_list",
        summary="List the versions of a document, newest first",
        responses={200: VersionSerializer(many=True), 404: _NOT_FOUND},
    )
    def list(self, request: Request, document_id: uuid.UUID) -> Response:
        shown = versions.versions_of(_visible(request, document_id))
        return Response(VersionSerializer(shown, many=True).data)

    @extend_schema(
        summary="Upload a new version",
        description=(
            "It is in force once it is read: `new_version` of the document says how far it is. "
            "Until then, and where it fails, the version in force answers. One that waits or "
            "failed is replaced. The bytes of the version in force are answered 200, as it is."
        ),
        request={"multipart/form-data": FileSerializer},
        responses={
            200: OpenApiResponse(DocumentSerializer, description="It is this version already."),
            202: DocumentSerializer,
            403: _NOT_ALLOWED,
            404: _NOT_FOUND,
            409: OpenApiResponse(description="Messages and attachments have no versions."),
            413: OpenApiResponse(description="The file is larger than the limit."),
            415: OpenApiResponse(description="The file is of a type that is not accepted."),
        },
    )
    def create(self, request: Request, document_id: uuid.UUID) -> Response:
        document = _visible(request, document_id)
        require_change(document, caller_of(request))
        upload = FileSerializer(data=request.data)
        for error in oversized(request._request):
            raise error
        upload.is_valid(raise_exception=True)
        file = upload.validated_data["file"]
        try:
            document = versions.upload_version(
                document=document, actor=caller_of(request), file=file, filename=file.name
            )
        except AlreadyUploaded as known:
            return Response(DocumentSerializer(known.document).data)
        return Response(DocumentSerializer(document).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Drop the new version that waits or failed",
        responses={
            204: None,
            403: _NOT_ALLOWED,
            404: _NOT_FOUND,
            409: OpenApiResponse(description="There is none, or it is in force by now."),
        },
    )
    def destroy(self, request: Request, document_id: uuid.UUID) -> Response:
        versions.discard_version(document=_visible(request, document_id), actor=caller_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Download the file of a version",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, 404: _NOT_FOUND},
    )
    def file(self, request: Request, document_id: uuid.UUID, number: int) -> HttpResponseBase:
        document = _visible(request, document_id)
        version = versions.earlier_version(document, number)
        response = download(document, reader=caller_of(request), version=version)
        record_download(document=document, actor=caller_of(request), version=number)
        return response


def _visible(request: Request, document_id: uuid.UUID) -> Document:
    # SECURITY: the one place that decides of which documents this whole viewset tells.
    visible = Document.objects.visible_to(caller_of(request)).select_related("draft")
    document = visible.filter(pk=document_id).first()
    if document is None:
        raise NotFound
    return document
