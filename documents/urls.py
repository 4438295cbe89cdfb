"""Pages of `documents`."""

from django.urls import path

from documents import views

app_name = "documents"
urlpatterns = [
    path("", views.document_list, name="list"),
    path("upload", views.upload, name="upload"),
    path("status", views.status, name="status"),
    path("<uuid:document_id>", views.detail, name="detail"),
    path("<uuid:document_id>/pages/<int:number>", views.page, name="page"),
    path("<uuid:document_id>/passages", views.passages, name="passages"),
    path("<uuid:document_id>/file", views.file, name="file"),
    path("<uuid:document_id>/share", views.share, name="share"),
    path("<uuid:document_id>/retry", views.retry, name="retry"),
    path("<uuid:document_id>/delete", views.delete, name="delete"),
]
