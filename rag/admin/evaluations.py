"""Django admin of evaluations: runs side by side, and the cases that an organization keeps."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from accounts.views.guards import user_of
from knowledge.lib.admin import OrganizationScopedAdmin, ReadOnlyAdmin
from rag.evaluation.comparison import compare_runs, metrics_of
from rag.models import EvaluationCase, EvaluationRun

# Questions of one list on the page; the rest is in the outcome of `--json`.
_SHOWN = 50
# Figures that the list of runs shows, as far as a run has them.
_FIGURES = (
    *("ndcg@10", "recall@10", "mrr"),
    *("as_expected", "answer_recall", "abstention_auroc"),
    *("resisted", "answered"),
)


@admin.register(EvaluationRun)
class EvaluationRunAdmin(ReadOnlyAdmin):
    """Runs, each beside an earlier one of the same questions.

    SECURITY: a run on files of the operator belongs to no organization, so that only the operator
    sees it; a run on an organization's own cases is seen by its administrators too.
    """

    change_form_template = "admin/rag/evaluationrun/change_form.html"
    list_display = ["created_at", "kind", "data_set", "figures", "answer_model", "revision"]
    list_filter = ["kind", "data_set"]
    list_select_related = ["organization"]

    @admin.display(description="figures")
    def figures(self, run: EvaluationRun) -> str:
        """Show the main figures."""
        known = ((name, run.metrics.get(name)) for name in _FIGURES)
        return ", ".join(f"{name} {value:.3f}" for name, value in known if value is not None)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the run beside the one that `?against=` names, by default the one before."""
        run = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if run is not None:
            others = list(EvaluationRun.objects.like(run)[:30])
            wanted = request.GET.get("against", "")
            earlier = next((other for other in others if str(other.pk) == wanted), None)
            if earlier is None:
                earlier = next((other for other in others if other.pk < run.pk), None)
            outcomes = run.outcomes.all()
            comparison = compare_runs(run, earlier) if earlier else None
            context = {
                "others": others,
                "comparison": comparison,
                "metrics": comparison.metrics if comparison else metrics_of(run),
                "parameters": run.parameters.items(),
                "missed": outcomes.filter(score__lt=1).order_by("score", "pk")[:_SHOWN],
                "missed_count": outcomes.filter(score__lt=1).count(),
                "question_count": outcomes.count(),
                "shown": _SHOWN,
                "shown_slice": f":{_SHOWN}",
            }
        return super().change_view(request, object_id, form_url, (extra_context or {}) | context)


@admin.register(EvaluationCase)
class EvaluationCaseAdmin(OrganizationScopedAdmin):
    """Questions to ask again: written here, or made of answers that were rated as not helpful.

    SECURITY: of a rated answer neither question nor answer is shown, as everywhere in the admin.
    """

    list_display = [
        *("created_at", "__str__", "comment", "answerable", "ready", "document", "organization"),
    ]
    list_display_links = ["created_at", "__str__"]
    list_filter = ["answerable", "organization"]
    list_select_related = ["organization", "document", "message"]
    fields = [
        "organization",
        "comment",
        "question",
        "answerable",
        "expected_answer",
        "document",
        "created_by",
        "created_at",
    ]
    readonly_fields = ["comment", "created_by", "created_at"]
    raw_id_fields = ["document"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Leave out of a new case what it will have later."""
        return [name for name in self.fields if obj or name not in self.readonly_fields]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with the person's own organization."""
        given = super().get_changeform_initial_data(request)
        return {"organization": user_of(request).organization_id, **given}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave a case where it is: its document and its rated answer are of that organization."""
        return [*self.readonly_fields, *(["organization"] if obj else [])]

    @admin.display(description="comment of the rating")
    def comment(self, case: EvaluationCase) -> str:
        """Show what the person said about the answer, as the list of messages does."""
        return (case.message.comment if case.message else "") or "none"

    @admin.display(description="ready", boolean=True)
    def ready(self, case: EvaluationCase) -> bool:
        """Show whether it can be asked."""
        return case.is_ready

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Note who wrote it."""
        if not change:
            obj.created_by = user_of(request)
        super().save_model(request, obj, form, change)
