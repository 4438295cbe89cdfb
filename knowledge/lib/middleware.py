"""Request id, log context and error pages, around every request."""

import re
import time
from collections.abc import Callable
from logging import getLogger
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from knowledge.lib import context
from knowledge.lib.errors import AppError, error_body

logger = getLogger("knowledge.request")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestContextMiddleware:
    """Gives each request an id (a sane `X-Request-ID` is kept), echoes it and logs one line."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self._answer_async(request)
        started = time.perf_counter()
        with context.bind(_context_of(request)):
            response = self.get_response(request)
            return _finish(request, response, started)

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        with context.bind(_context_of(request)):
            response = await self.get_response(request)
            return _finish(request, response, started)


def _context_of(request: HttpRequest) -> context.RequestContext:
    given = request.headers.get("X-Request-ID", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else context.new_request_id()
    return context.RequestContext(
        request_id=request_id, address=request.META.get("REMOTE_ADDR", "")
    )


def _finish(request: HttpRequest, response: HttpResponseBase, started: float) -> HttpResponseBase:
    current = context.current()
    response.headers["X-Request-ID"] = current.request_id
    match = request.resolver_match
    logger.info(
        "request",
        extra={
            "method": request.method,
            # The route, not the path: a path can carry ids of others, a query string a question.
            "route": match.route if match else "",
            "status": response.status_code,
            "ms": round((time.perf_counter() - started) * 1000, 1),
        },
    )
    return response


class RequestUserMiddleware:
    """Adds the signed-in user to the log context of a page request."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated:
            current = context.current()
            current.user_id, current.role = str(user.pk), user.role
        return self.get_response(request)


class AppErrorMiddleware:
    """Shows an AppError as a page, as a fragment for htmx, or as JSON to a script."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exc: Exception) -> HttpResponse | None:
        if not isinstance(exc, AppError):
            return None
        if request.headers.get("Accept", "").startswith("application/json"):
            response: HttpResponse = JsonResponse(
                error_body(exc.code, exc.message, exc.details), status=exc.status
            )
        else:
            template = "_error.html" if request.headers.get("HX-Request") else "error.html"
            response = render(request, template, {"error": exc}, status=exc.status)
        if exc.retry_after_s:
            response.headers["Retry-After"] = str(exc.retry_after_s)
        return response
