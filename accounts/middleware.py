"""Sends whoever is not signed in to the login page."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware as DjangoLoginRequired
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url

from knowledge.lib.errors import NotSignedIn
from knowledge.lib.htmx import redirect_page
from knowledge.lib.middleware import answer_error, wants_json


class LoginRequiredMiddleware(DjangoLoginRequired):
    """Django's middleware, told what a fragment, a script and a form can use as an answer."""

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
