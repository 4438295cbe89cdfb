"""API routes of `rag`."""

from django.urls import path

from rag.api.index_views import (
    IndexCheckView,
    IndexHealthView,
    IndexRebuildView,
    IndexRepairView,
)
from rag.api.usage_views import BudgetsView, UsageView
from rag.api.views import (
    ChatView,
    ConversationViewSet,
    FeedbackView,
    RetrievalView,
)

_conversations = ConversationViewSet.as_view

urlpatterns = [
    path("chat", ChatView.as_view(), name="api-chat"),
    path("retrieval", RetrievalView.as_view(), name="api-retrieval"),
    path("conversations", _conversations({"get": "list"}), name="api-conversations"),
    path(
        "conversations/<uuid:conversation_id>",
        _conversations({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="api-conversation",
    ),
    path("messages/<uuid:message_id>/feedback", FeedbackView.as_view(), name="api-feedback"),
    path("index/health", IndexHealthView.as_view(), name="api-index-health"),
    path("index/check", IndexCheckView.as_view(), name="api-index-check"),
    path("index/repair", IndexRepairView.as_view(), name="api-index-repair"),
    path("index/rebuild", IndexRebuildView.as_view(), name="api-index-rebuild"),
    path("usage", UsageView.as_view(), name="api-usage"),
    path("usage/budgets", BudgetsView.as_view(), name="api-budgets"),
]
