"""Small helpers for pages that htmx asks for in parts."""

import json

from django.http import HttpRequest, HttpResponse
from django_htmx.middleware import HtmxDetails


class HtmxHttpRequest(HttpRequest):
    """An HttpRequest after HtmxMiddleware, for type checkers."""

    htmx: HtmxDetails


def redirect_page(request: HttpRequest, url: str) -> HttpResponse:
    """Send the whole browser page to `url`; htmx would put a 302's target into the fragment."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponse(status=302, headers={"Location": url})


def with_toast(response: HttpResponse, text: str, level: str = "success") -> HttpResponse:
    """Have the page show a passing message beside the swapped fragment."""
    response.headers["HX-Trigger"] = json.dumps({"toast": {"text": text, "level": level}})
    return response
