"""Sends whoever is not signed in to the login page."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware as DjangoLoginRequired
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url

from accounts.exceptions import OrganizationSuspended
from knowledge.lib.errors import NotSignedIn
from knowledge.lib.htmx import redirect_page
from knowledge.lib.middleware import answer_error, wants_json

SIGN_OUT = "accounts:logout"


class LoginRequiredMiddleware(DjangoLoginRequired):
    """Django's middleware, told what a fragment, a script and a form can use as an answer."""

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        """Ask for a sign-in first, then whether the person's organization is in service."""
        answer: HttpResponseBase | None = super().process_view(
            request, view_func, view_args, view_kwargs
        )
        if answer is not None or not getattr(view_func, "login_required", True):
            return answer
        user: Any = request.user
        may_leave = request.resolver_match and request.resolver_match.view_name == SIGN_OUT
        if user.is_authenticated and user.is_suspended and not may_leave:
            return answer_error(request, OrganizationSuspended())
        return None

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if wants_json(request):
            return answer_error(request, NotSignedIn())
        back = _page_to_return_to(request)
        if not back:
            return redirect_page(request, resolve_url(settings.LOGIN_URL))
        return redirect_page(request, redirect_to_login(back).headers["Location"])


def _page_to_return_to(request: HttpRequest) -> str:
    """Return the page the person was on: neither a fragment nor the target of a form is one."""
    if request.headers.get("HX-Request"):
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        return f"{page.path}?{page.query}" if page.query else page.path
    return request.get_full_path() if request.method in ("GET", "HEAD") else ""
