"""API routes of `accounts`."""

from django.urls import path

from accounts.api import auth, views
from accounts.api.invitations import InvitationViewSet

urlpatterns = [
    path("auth/login", auth.LoginView.as_view(), name="api-login"),
    path("auth/refresh", auth.RefreshView.as_view(), name="api-refresh"),
    path("auth/logout", auth.LogoutView.as_view(), name="api-logout"),
    path("auth/me", auth.MeView.as_view(), name="api-me"),
    path("users", views.UserViewSet.as_view({"get": "list", "post": "create"}), name="api-users"),
    path(
        "users/<uuid:id>",
        views.UserViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="api-user",
    ),
    path(
        "invitations",
        InvitationViewSet.as_view({"get": "list", "post": "create"}),
        name="api-invitations",
    ),
    path(
        "invitations/<uuid:id>",
        InvitationViewSet.as_view({"delete": "destroy"}),
        name="api-invitation",
    ),
    path("teams", views.TeamViewSet.as_view({"get": "list"}), name="api-teams"),
    path("audit", views.AuditViewSet.as_view({"get": "list"}), name="api-audit"),
    path("audit/export", views.AuditViewSet.as_view({"get": "export"}), name="api-audit-export"),
]
