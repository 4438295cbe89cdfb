"""Django admin of the index: how it is, and its check, repair and rebuild."""

from dataclasses import asdict
from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from accounts.views.guards import user_of
from knowledge.lib.admin import ReadOnlyAdmin
from rag.integrity.summary import part_summary, summary
from rag.models import ChunkEmbedding, IndexChange, IndexRun, OrganizationIndex
from rag.services.index import is_quick, latest_run, newest_runs, process_copy, request_run

_QUEUED = {
    IndexRun.Action.CHECK: "The check is queued.",
    IndexRun.Action.REPAIR: "The repair is queued; searches go on meanwhile.",
    IndexRun.Action.REBUILD: "The rebuild is queued; searches go on meanwhile.",
}


@admin.register(OrganizationIndex)
class OrganizationIndexAdmin(ReadOnlyAdmin):
    """The health of each index, and what can be done about it."""

    list_display = ["organization", "health", "version", "model", "last_checked", "last_rebuilt"]
    list_select_related = ["organization"]
    actions = ["check_index", "repair_index", "rebuild_index"]
    change_form_template = "admin/rag/organizationindex/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrganizationIndex]:
        """Add the latest results, in the same query."""
        runs = IndexRun.objects.filter(organization=OuterRef("pk")).finished().order_by("-id")
        rebuilds = runs.filter(action=IndexRun.Action.REBUILD)
        rows: QuerySet[OrganizationIndex] = super().get_queryset(request)
        return rows.annotate(
            checked_at=Subquery(runs.values("finished_at")[:1]),
            is_consistent=Subquery(runs.values("consistent")[:1]),
            rebuilt_at=Subquery(rebuilds.values("finished_at")[:1]),
        )

    @admin.display(description="health")
    def health(self, index: Any) -> str:
        """Say what the latest check found."""
        if index.is_consistent is None:
            return "Not checked yet"
        return format_html(
            '<span class="state {}">{}</span>',
            "ok" if index.is_consistent else "fail",
            "Consistent" if index.is_consistent else "Faults found",
        )

    @admin.display(description="last checked", empty_value="never")
    def last_checked(self, index: Any) -> Any:
        """Say when the latest check, repair or rebuild ended."""
        return index.checked_at

    @admin.display(description="last rebuilt", empty_value="never")
    def last_rebuilt(self, index: Any) -> Any:
        """Say when it was last made anew on request."""
        return index.rebuilt_at

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the latest recorded check, and this process's copy as it is now."""
        index = self.get_object(request, object_id)
        context = _health_context(index, request) if index is not None else {}
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    @admin.action(description="Check now", permissions=["view"])
    def check_index(
        self, request: HttpRequest, queryset: QuerySet[OrganizationIndex]
    ) -> HttpResponse | None:
        """Queue a check of each chosen index."""
        return _request(request, queryset, IndexRun.Action.CHECK)

    @admin.action(description="Repair what is found", permissions=["view"])
    def repair_index(
        self, request: HttpRequest, queryset: QuerySet[OrganizationIndex]
    ) -> HttpResponse | None:
        """Queue a repair of each chosen index."""
        return _request(request, queryset, IndexRun.Action.REPAIR)

    @admin.action(description="Rebuild from the database", permissions=["view"])
    def rebuild_index(
        self, request: HttpRequest, queryset: QuerySet[OrganizationIndex]
    ) -> HttpResponse | None:
        """Queue a rebuild of each chosen index."""
        return _request(request, queryset, IndexRun.Action.REBUILD)


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


def _request(
    request: HttpRequest, queryset: QuerySet[OrganizationIndex], action: IndexRun.Action
) -> HttpResponse | None:
    """Queue the action for each index; return to the page of the one that was chosen there."""
    chosen = list(queryset.select_related("organization"))
    for index in chosen:
        request_run(organization=index.organization, action=action, actor=user_of(request))
    messages.success(request, _QUEUED[action])
    if len(chosen) == 1 and "from_its_page" in request.POST:
        return HttpResponseRedirect(
            reverse("admin:rag_organizationindex_change", args=[chosen[0].pk])
        )
    return None


def _health_context(index: OrganizationIndex, request: HttpRequest) -> dict[str, Any]:
    run = latest_run(organization=index.organization)
    runs = newest_runs(organization=index.organization)
    is_copy_shown = "copy" in request.GET or (run is not None and is_quick(run))
    copy = process_copy(organization=index.organization) if is_copy_shown else None
    # SECURITY: what belongs to none of several organizations is the operator's alone.
    installation = latest_run(organization=None) if user_of(request).is_superuser else None
    return {
        "title": f"Index of {index.organization}",
        "subtitle": None,
        "run": run,
        "figures": summary(run.report) if run else [],
        "runs": sorted(runs, key=lambda run: -run.pk),
        "is_waiting": any(run.is_open for run in runs),
        "is_copy_shown": is_copy_shown,
        "copy": copy,
        "copy_summary": part_summary(asdict(copy)) if copy else "",
        "installation": installation,
        "installation_figures": summary(installation.report) if installation else [],
    }
