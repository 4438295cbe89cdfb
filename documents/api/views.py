"""The documents API: reading through what the caller may see, changes through the services."""

import uuid
from typing import Any

from django.db import transaction
from django.db.models import Prefetch
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import caller_of
from documents import editing, services, versions
from documents.api.serializers import (
    ChangeSerializer,
    DocumentFilterSerializer,
    DocumentSerializer,
    LabelsSerializer,
    PageImageSerializer,
    PageSerializer,
    RetriedSerializer,
    UploadedSerializer,
    UploadSerializer,
)
from documents.downloads import download
from documents.exceptions import AlreadyUploaded
from documents.models import Document, DocumentTag, Page
from documents.previews import image_answer
from documents.querysets import DocumentQuerySet
from documents.retries import retry_documents
from documents.trail import record_download, record_view
from documents.upload_limit import oversized

_NOT_FOUND = OpenApiResponse(description="There is no such document that you may see.")
_NOT_ALLOWED = OpenApiResponse(description="You may see the document but not do this to it.")


@extend_schema(tags=["Documents"])
@extend_schema_view(
    list=extend_schema(
        summary="List the documents you may see, newest first",
        parameters=[DocumentFilterSerializer],
    ),
    retrieve=extend_schema(
        summary="Show a document", responses={200: DocumentSerializer, 404: _NOT_FOUND}
    ),
)
class DocumentViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Document]
):
    """Documents that the caller may see."""

    serializer_class = DocumentSerializer
    queryset = Document.objects.none()
    lookup_url_kwarg = "document_id"
    parser_classes = [JSONParser, FormParser, MultiPartParser]

    def get_queryset(self) -> DocumentQuerySet:
        # SECURITY: the one place that decides what this whole viewset can find.
        documents = Document.objects.visible_to(caller_of(self.request))
        # SECURITY: an attachment is shared as what it came with, so these need no rule.
        attachments = Document.objects.only("pk", "attached_to").newest_first()
        documents = documents.select_related("draft")
        return documents.prefetch_related("teams", "tags", Prefetch("attachments", attachments))

    def filter_queryset(self, queryset: DocumentQuerySet) -> DocumentQuerySet:  # type: ignore[override]
        if self.action != "list":
            return queryset
        filters = DocumentFilterSerializer(data=self.request.query_params)
        filters.is_valid(raise_exception=True)
        queryset = queryset.narrowed(filters.narrowing)
        if chosen := filters.validated_data.get("status"):
            queryset = queryset.filter(status=chosen)
        return queryset.search(filters.validated_data.get("search", "")).newest_first()

    @extend_schema(
        summary="Upload a document",
        description=(
            "Answers as soon as the file is stored; `status` then goes from `uploaded` over "
            "`processing` to `completed` or `failed`. A file whose bytes you have uploaded already "
            "is not stored again: the answer is 200 with the document that you have, as it is. "
            "What becomes of another file of a name that you have, `same_name` says."
        ),
        request={"multipart/form-data": UploadSerializer},
        responses={
            200: OpenApiResponse(UploadedSerializer, description="You had uploaded it already."),
            201: UploadedSerializer,
            202: OpenApiResponse(
                UploadedSerializer, description="It is to be the next version of this document."
            ),
            409: OpenApiResponse(description="`same_name`: you have another file of that name."),
            413: OpenApiResponse(description="The file is larger than the limit."),
            415: OpenApiResponse(description="The file is of a type that is not accepted."),
        },
    )
    def create(self, request: Request) -> Response:
        upload = UploadSerializer(data=request.data, context=self.get_serializer_context())
        for error in oversized(request._request):
            raise error
        upload.is_valid(raise_exception=True)
        given = upload.validated_data
        same = versions.named_like(given["file"].name, owner=caller_of(request))
        try:
            document = versions.upload(
                owner=caller_of(request),
                on_same_name=given["same_name"],
                file=given["file"],
                filename=given["file"].name,
                visibility=given.get("visibility", Document.Visibility.PRIVATE),
                teams=given.get("teams", ()),
                tags=given.get("tags", ()),
                collection=given.get("collection", ""),
            )
        except AlreadyUploaded as known:
            return self._uploaded(known.document, None, status.HTTP_200_OK)
        if same is not None and document.pk == same.pk:
            return self._uploaded(document, None, status.HTTP_202_ACCEPTED)
        return self._uploaded(document, same, status.HTTP_201_CREATED)

    def _uploaded(self, document: Document, same: Document | None, code: int) -> Response:
        shown = UploadedSerializer(document, context=self.get_serializer_context()).data
        return Response({**shown, "same_name": same.pk if same else None}, status=code)

    @extend_schema(
        summary="List tags and collections of the documents you may see",
        responses=LabelsSerializer,
    )
    @action(detail=False, methods=["get"])
    def labels(self, request: Request) -> Response:
        visible = Document.objects.visible_to(caller_of(request))
        found = {"tags": DocumentTag.objects.of(visible), "collections": visible.collections()}
        return Response(
            {
                kind: [{"name": name, "count": count} for name, count in rows]
                for kind, rows in found.items()
            }
        )

    @extend_schema(
        summary="Rename or sort a document, or set who may read it",
        request=ChangeSerializer,
        responses={
            200: DocumentSerializer,
            403: _NOT_ALLOWED,
            404: _NOT_FOUND,
            409: OpenApiResponse(description="It is an attachment: share what it came with."),
        },
    )
    def partial_update(self, request: Request, document_id: uuid.UUID) -> Response:
        document = self.get_object()
        change = ChangeSerializer(
            document, data=request.data, context=self.get_serializer_context()
        )
        change.is_valid(raise_exception=True)
        with transaction.atomic():
            if change.editing:
                editing.edit_document(document=document, actor=caller_of(request), **change.editing)
            if change.changes_sharing or not change.editing:
                self._share(document, change.validated_data)
        return self._answer(self.get_object())

    def _share(self, document: Document, given: dict[str, Any]) -> None:
        visibility = given.get("visibility", document.visibility)
        stays = visibility == Document.Visibility.TEAMS
        services.share_document(
            document=document,
            actor=caller_of(self.request),
            visibility=visibility,
            teams=given.get("teams", document.teams.all() if stays else ()),
        )

    @extend_schema(
        summary="Delete a document, its attachments and all that was derived (administrators)",
        responses={204: None, 403: _NOT_ALLOWED, 404: _NOT_FOUND},
    )
    def destroy(self, request: Request, document_id: uuid.UUID) -> Response:
        services.delete_document(document=self.get_object(), actor=caller_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Ingest a failed document, or its failed new version, again",
        request=None,
        responses={
            202: DocumentSerializer,
            403: _NOT_ALLOWED,
            404: _NOT_FOUND,
            409: OpenApiResponse(description="It has not failed, or was uploaded again since."),
        },
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, document_id: uuid.UUID) -> Response:
        document = services.retry_document(document=self.get_object(), actor=caller_of(request))
        return self._answer(document, status.HTTP_202_ACCEPTED)

    @extend_schema(
        operation_id="documents_retry_all",
        summary="Ingest every failed document again that you may change",
        request=None,
        responses={202: RetriedSerializer},
    )
    @action(detail=False, methods=["post"])
    def retry_failed(self, request: Request) -> Response:
        count = retry_documents(documents=self.get_queryset(), actor=caller_of(request))
        return Response(RetriedSerializer({"count": count}).data, status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Download the original",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, 404: _NOT_FOUND},
    )
    @action(detail=True, methods=["get"])
    def file(self, request: Request, document_id: uuid.UUID) -> HttpResponseBase:
        document = self.get_object()
        response = download(document, reader=caller_of(request))
        record_download(document=document, actor=caller_of(request))
        return response

    @extend_schema(
        summary="Show the text of a page",
        responses={200: PageSerializer, 404: _NOT_FOUND},
    )
    @action(detail=True, methods=["get"])
    def page(self, request: Request, document_id: uuid.UUID, number: int) -> Response:
        return Response(PageSerializer(self._page(document_id, number)).data)

    @extend_schema(
        summary="Show the picture of a page",
        description=(
            "As WebP, for documents whose pages are drawn (PDF; slides, where LibreOffice is "
            "installed). Asks to be revalidated: send the "
            "`ETag` back as `If-None-Match`."
        ),
        parameters=[PageImageSerializer],
        responses={
            (200, "image/webp"): OpenApiTypes.BINARY,
            304: OpenApiResponse(description="The picture that you have is still right."),
            404: _NOT_FOUND,
            422: OpenApiResponse(description="The page cannot be drawn; its text can be read."),
            503: OpenApiResponse(description="Too many pages are being drawn; see `Retry-After`."),
        },
    )
    @action(detail=True, methods=["get"])
    def page_image(self, request: Request, document_id: uuid.UUID, number: int) -> HttpResponseBase:
        page = self._page(document_id, number)
        return image_answer(request._request, page.document, number)

    def _page(self, document_id: uuid.UUID, number: int) -> Page:
        reader = caller_of(self.request)
        pages = Page.objects.visible_to(reader).filter(document_id=document_id)
        page = get_object_or_404(pages.select_related("document"), number=number)
        record_view(document=page.document, actor=reader, page=number)
        return page

    def _answer(self, document: Document, code: int = status.HTTP_200_OK) -> Response:
        return Response(self.get_serializer(document).data, status=code)
