"""Django admin of what the model calls cost."""

from django.contrib import admin

from knowledge.lib.admin import ReadOnlyAdmin
from rag.models import UsageRecord


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin):
    """The ledger of model calls."""

    list_display = [
        "created_at",
        "user",
        "feature",
        "model",
        "outcome",
        "prompt_tokens",
        "completion_tokens",
        "embedding_tokens",
        "cost",
        "ms",
    ]
    list_filter = ["feature", "model", "outcome"]
    list_select_related = ["user"]
    date_hierarchy = "created_at"
    show_full_result_count = False
