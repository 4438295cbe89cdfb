"""Pages of `documents`."""

from django.urls import path

from documents.views import documents, pages, readers, uploads, versions

app_name = "documents"
urlpatterns = [
    path("", documents.document_list, name="list"),
    path("upload", documents.upload, name="upload"),
    path("status", documents.status, name="status"),
    path("retry", documents.retry_failed, name="retry-failed"),
    path("uploads", uploads.open_upload, name="open-upload"),
    path("uploads/<uuid:batch_id>", uploads.detail, name="upload-batch"),
    path("uploads/<uuid:batch_id>/files", uploads.expect, name="upload-expect"),
    path("uploads/<uuid:batch_id>/send", uploads.send, name="upload-send"),
    path("uploads/<uuid:batch_id>/retry", uploads.retry, name="upload-retry"),
    path("<uuid:document_id>", documents.detail, name="detail"),
    path("<uuid:document_id>/pages/<int:number>", pages.page, name="page"),
    path("<uuid:document_id>/pages/<int:number>/image", pages.page_image, name="page-image"),
    path("<uuid:document_id>/passages", pages.passages, name="passages"),
    path("<uuid:document_id>/file", documents.file, name="file"),
    path("<uuid:document_id>/versions", versions.add, name="add-version"),
    path("<uuid:document_id>/versions/discard", versions.discard, name="discard-version"),
    path("<uuid:document_id>/versions/<int:number>/file", versions.file, name="version-file"),
    path("<uuid:document_id>/readers", readers.readers, name="readers"),
    path("<uuid:document_id>/share", documents.share, name="share"),
    path("<uuid:document_id>/edit", documents.edit, name="edit"),
    path("<uuid:document_id>/retry", documents.retry, name="retry"),
    path("<uuid:document_id>/delete", documents.delete, name="delete"),
]
