"""Django admin of the index: its state and its rebuild."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User
from knowledge.lib.admin import ReadOnlyAdmin
from rag.models import ChunkEmbedding, IndexChange, OrganizationIndex
from rag.services.index import request_rebuild


@admin.register(OrganizationIndex)
class OrganizationIndexAdmin(ReadOnlyAdmin):
    """The state of each index, and its rebuild."""

    list_display = ["organization", "version", "model", "updated_at"]
    actions = ["rebuild"]

    @admin.action(description="Rebuild from the database", permissions=["view"])
    def rebuild(self, request: HttpRequest, queryset: QuerySet[OrganizationIndex]) -> None:
        """Queue a rebuild of each chosen index."""
        assert isinstance(request.user, User)  # noqa: S101 - Django admin lets nobody else in
        for index in queryset.select_related("organization"):
            request_rebuild(organization=index.organization, actor=request.user)
        messages.success(request, "The rebuild is queued; searches go on meanwhile.")


@admin.register(IndexChange)
class IndexChangeAdmin(ReadOnlyAdmin):
    """The latest steps of each index."""

    list_display = ["organization", "version", "document_id"]


@admin.register(ChunkEmbedding)
class ChunkEmbeddingAdmin(ReadOnlyAdmin):
    """Which chunk is embedded under which model."""

    list_display = ["id", "document", "chunk", "model"]
    list_select_related = ["document", "chunk"]
    exclude = ["vector"]
    show_full_result_count = False
