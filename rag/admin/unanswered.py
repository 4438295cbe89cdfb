"""Django admin of who sees unanswered questions; it is changed on their page."""

from django.contrib import admin

from knowledge.lib.admin import ReadOnlyAdmin
from rag.models import QuestionPrivacy


@admin.register(QuestionPrivacy)
class QuestionPrivacyAdmin(ReadOnlyAdmin):
    """What administrators are shown."""

    list_display = ["organization", "mode", "minimum_askers"]
    list_select_related = ["organization"]
