"""Django admin of documents: each organization's for its admins; services make every change."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from documents import editing, services
from documents.forms import EditForm
from documents.models import Document, DocumentChunk, FileDeletion, Page
from documents.querysets import DocumentQuerySet
from documents.trail import record_view
from knowledge.lib.admin import ReadOnlyAdmin, user_of
from knowledge.lib.errors import AppError


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    """Documents: uploaded and shared on their pages; here they are renamed, sorted and deleted."""

    form = EditForm
    edited = ["filename", "description", "collection", "tags"]

    list_display = [
        "filename",
        "status",
        "progress",
        "chunk_count",
        "visibility",
        "uploaded_by",
        "organization",
        "created_at",
    ]
    list_filter = ["status", "visibility", "extension", "collection", "organization"]
    list_select_related = ["uploaded_by", "organization"]
    search_fields = ["filename", "uploaded_by__email", "sha256"]
    search_help_text = "File name, uploader or SHA-256"
    date_hierarchy = "created_at"
    hidden = ["file", "id", "lease_token", "request_id", "collection_key"]
    actions = ["retry_failed"]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return [*self.edited, *self.get_readonly_fields(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        fields = [field.name for field in (*self.opts.fields, *self.opts.many_to_many)]
        fields = [name for name in fields if name not in (*self.edited, *self.hidden)]
        return ["on_its_page", *fields]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may_administer(request)

    def save_model(self, request: HttpRequest, obj: Document, form: Any, change: bool) -> None:
        """Save through the service, which checks, lets it be searched, and records the act."""
        stored = Document.objects.get(pk=obj.pk)
        editing.edit_document(document=stored, actor=_actor(request), **form.given)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may_administer(request)

    @admin.display(description="page")
    def on_its_page(self, document: Document) -> str:
        """Link to where it is read and shared; another organization's opens for nobody."""
        return format_html(
            '<a href="{}">Open the document</a>', reverse("documents:detail", args=[document.pk])
        )

    @admin.action(description="Try failed documents again", permissions=["delete"])
    def retry_failed(self, request: HttpRequest, queryset: DocumentQuerySet) -> None:
        """Have those of the chosen documents that failed ingested again."""
        started = 0
        for document in queryset.filter(status=Document.Status.FAILED):
            try:
                services.retry_document(document=document, actor=_actor(request))
                started += 1
            except AppError as error:
                messages.error(request, f"{document.filename}: {error.message}")
        messages.success(request, f"{started} of {queryset.count()} are tried again.")

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[Any], list[Any]]:
        """Name the documents alone: a list of all their chunks would be of no use, nor end."""
        documents = list(objs)
        chunks = sum(document.chunk_count for document in documents)
        counted = {"documents": len(documents), "passages": chunks}
        return [str(document) for document in documents], counted, set(), []

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        services.delete_document(document=obj, actor=_actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        keys = list(queryset.values_list("pk", flat=True))
        services.delete_documents(
            documents=Document.objects.filter(pk__in=keys), actor=_actor(request)
        )


class TextAdmin(ReadOnlyAdmin):
    """Rows that hold text of documents: looking at one is a view of its document."""

    organization_path = "document__organization"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        row = self.get_object(request, object_id)
        if isinstance(row, Page | DocumentChunk):
            record_view(document=row.document, actor=_actor(request), part="admin")
        return super().change_view(request, object_id, form_url, extra_context)


@admin.register(Page)
class PageAdmin(TextAdmin):
    """The extracted text, page by page."""

    list_display = ["document", "number"]
    list_select_related = ["document"]
    search_fields = ["document__filename"]
    ordering = ["-document__created_at", "document", "number"]


@admin.register(DocumentChunk)
class DocumentChunkAdmin(TextAdmin):
    """The passages that are searched."""

    list_display = ["document", "chunk_index", "page", "heading"]
    list_select_related = ["document"]
    search_fields = ["document__filename", "heading"]
    ordering = ["-document__created_at", "document", "chunk_index"]


@admin.register(FileDeletion)
class FileDeletionAdmin(ReadOnlyAdmin):
    """The journal of files that are to go: of no organization, so for the operator alone."""

    list_display = ["path", "not_before", "created_at"]
    search_fields = ["path"]

    def may_administer(self, request: HttpRequest) -> bool:
        user = user_of(request)
        return user.is_in_service and user.is_superuser


def _actor(request: HttpRequest) -> Any:
    """Return who is signed in; Django admin lets nobody else come this far."""
    return request.user
