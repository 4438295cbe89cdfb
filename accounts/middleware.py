"""Sends whoever is not signed in to the login page."""

from django.contrib.auth.middleware import LoginRequiredMiddleware as DjangoLoginRequired
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from knowledge.lib.htmx import redirect_page


class LoginRequiredMiddleware(DjangoLoginRequired):
    """Django's middleware, with an htmx request sent to the login page as a whole page."""

    def handle_no_permission(self, request: HttpRequest, view_func: object) -> HttpResponseBase:
        response: HttpResponse = super().handle_no_permission(request, view_func)
        return redirect_page(request, response.headers["Location"])
