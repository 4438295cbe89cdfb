"""Who may call what, before any row is looked at."""

from typing import Any, cast

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import User


class IsOrganizationAdmin(BasePermission):
    """Admins of an organization; the answer to others says nothing of what exists."""

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        return bool(user.is_authenticated and user.is_organization_admin)


def caller_of(request: Request) -> User:
    """Return who asks; the permission classes let nobody else come this far."""
    return cast("User", request.user)
