"""Who may open a page at all."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponse

from accounts.models import User
from knowledge.lib.errors import NotAllowed

View = Callable[..., HttpResponse]


def organization_admin_required(view: View) -> View:
    """Refuse (403) whoever administers no organization, before anything is looked up."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not user_of(request).is_organization_admin:
            raise NotAllowed("Only administrators can open this page.")
        return view(request, *args, **kwargs)

    return guarded


def user_of(request: HttpRequest) -> User:
    """Return who is signed in; the login middleware lets nobody else come this far."""
    return cast("User", request.user)
