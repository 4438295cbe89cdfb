"""What every answer, a static file too, tells browsers beyond the headers that Django knows."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class BrowserPolicyMiddleware:
    """Adds the headers of `BROWSER_POLICY`, where a view has not set its own.

    It stands before WhiteNoise, which answers for static files and asks no middleware behind it.
    Synchronous, like the outermost one, so that no thread comes between them.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in settings.BROWSER_POLICY.items():
            response.headers.setdefault(name, value)
        return response
