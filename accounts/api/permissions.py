"""Who may call what, before any row is looked at."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class IsOrganizationAdmin(BasePermission):
    """Admins of an organization; the answer to others says nothing of what exists."""

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        return bool(user.is_authenticated and user.is_organization_admin)
