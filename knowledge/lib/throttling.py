"""Rate limits at the edge: for pages in a middleware, for the API where a token is understood."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from knowledge.lib import context, rate_limits
from knowledge.lib.middleware import answer_error
from knowledge.lib.rate_limits import RateLimited, Standing


class RateLimitMiddleware:
    """Counts what is posted on pages, and tells on every answer where the limit stands."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        standing: Standing | None = context.current().standing
        if standing is not None:
            for name, value in standing.headers().items():
                response.headers[name] = value
        return response

    def process_view(self, request: HttpRequest, *args: Any) -> HttpResponse | None:
        """Refuse a page's request that is over a limit; the API counts by itself."""
        match = request.resolver_match
        if match is None or request.path_info.startswith("/api/"):
            return None
        scope = rate_limits.scope_of(match.view_name, request.method or "")
        if not scope:
            return None
        person = str(request.user.pk) if request.user.is_authenticated else ""
        try:
            _count(scope, person)
        except RateLimited as refusal:
            return answer_error(request, refusal)
        return None


class RateThrottle(BaseThrottle):
    """Counts each request of the API, and those that cost more once more."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Let a request through, or raise RateLimited: DRF's own refusal knows no body of ours."""
        http = request._request
        person = str(request.user.pk) if request.user and request.user.is_authenticated else ""
        _count("api", person)
        match = http.resolver_match
        scope = rate_limits.scope_of(match.view_name if match else "", http.method or "")
        if scope:
            _count(scope, person)
        return True


def _count(scope: str, person: str) -> None:
    rate_limits.count(scope=scope, person=person, address=context.current().address)
