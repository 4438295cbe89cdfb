"""Pages of usage, budgets, unanswered questions and diagnostics."""

from django.urls import path

from rag.views import budgets, diagnostics, unanswered, usage

app_name = "reports"
urlpatterns = [
    path("usage/", usage.usage, name="usage"),
    path("usage/export", usage.export, name="usage_export"),
    path("usage/budgets/", budgets.budgets, name="budgets"),
    path("usage/budgets/<uuid:budget_id>/", budgets.change, name="budget"),
    path("usage/budgets/<uuid:budget_id>/delete/", budgets.delete, name="budget_delete"),
    path("unanswered/", unanswered.questions, name="unanswered"),
    path("unanswered/export", unanswered.export, name="unanswered_export"),
    path("unanswered/handled/", unanswered.handled, name="unanswered_handled"),
    path("unanswered/settings/", unanswered.change_settings, name="unanswered_settings"),
    path("diagnostics/", diagnostics.diagnostics, name="diagnostics"),
    path("diagnostics/retry/", diagnostics.retry, name="diagnostics_retry"),
]
