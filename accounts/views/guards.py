"""Who may open a page at all."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.models import User
from knowledge.lib.errors import NotAllowed

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def organization_admin_required(view: View) -> View:
    """Refuse (403) whoever administers no organization, before anything is looked up."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not user_of(request).is_organization_admin:
            raise NotAllowed("Only administrators can open this page.")
        return view(request, *args, **kwargs)

    return cast("View", guarded)


def user_of(request: HttpRequest) -> User:
    """Return who is signed in; the login middleware lets nobody else come this far."""
    return cast("User", request.user)
