"""API routes of `documents`."""

from django.urls import path

from documents.api.readers import ReadersView
from documents.api.version_views import VersionViewSet
from documents.api.views import DocumentViewSet

_view = DocumentViewSet.as_view

urlpatterns = [
    path("documents", _view({"get": "list", "post": "create"}), name="api-documents"),
    path("documents/labels", _view({"get": "labels"}), name="api-document-labels"),
    path("documents/retry", _view({"post": "retry_failed"}), name="api-documents-retry"),
    path(
        "documents/<uuid:document_id>",
        _view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="api-document",
    ),
    path(
        "documents/<uuid:document_id>/readers", ReadersView.as_view(), name="api-document-readers"
    ),
    path("documents/<uuid:document_id>/retry", _view({"post": "retry"}), name="api-document-retry"),
    path(
        "documents/<uuid:document_id>/versions",
        VersionViewSet.as_view({"get": "list", "post": "create"}),
        name="api-document-versions",
    ),
    path(
        "documents/<uuid:document_id>/versions/new",
        VersionViewSet.as_view({"delete": "destroy"}),
        name="api-document-new-version",
    ),
    path(
        "documents/<uuid:document_id>/versions/<int:number>/file",
        VersionViewSet.as_view({"get": "file"}),
        name="api-document-version-file",
    ),
    path("documents/<uuid:document_id>/file", _view({"get": "file"}), name="api-document-file"),
    path(
        "documents/<uuid:document_id>/pages/<int:number>",
        _view({"get": "page"}),
        name="api-document-page",
    ),
    path(
        "documents/<uuid:document_id>/pages/<int:number>/image",
        _view({"get": "page_image"}),
        name="api-document-page-image",
    ),
]
