"""Request id, log context and error answers, around every request."""

import ipaddress
import re
import time
from collections.abc import AsyncGenerator, Callable
from logging import getLogger
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string

from knowledge.lib import context, failures, metrics, recent
from knowledge.lib.errors import AppError, NotFound, NotSignedIn, error_body
from knowledge.lib.streaming import EventStreamResponse

logger = getLogger("knowledge.request")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FOR_SCRIPTS = frozenset({"application/json", "text/event-stream"})


class Middleware:
    """A middleware that runs in both worlds without a thread between them."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)  # type: ignore[type-var]  # an instance, as Django asks


class RequestContextMiddleware:
    """Gives each request an id (a sane `X-Request-ID` is kept), echoes it and logs one line.

    It is the outermost, and synchronous, so that all behind it runs in one thread: Django would
    else step into a thread and out again around each middleware of its own, which costs a search a
    fifth of its processor time. A stream leaves the thread when its response has begun.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        with context.bind(_context_of(request)) as current:
            return _finish(request, self.get_response(request), current, started)


def _context_of(request: HttpRequest) -> context.RequestContext:
    given = request.headers.get("X-Request-ID", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else context.new_request_id()
    return context.RequestContext(request_id=request_id, address=_address_of(request))


def _address_of(request: HttpRequest) -> str:
    """Return the peer's IP address; a unix socket and a test client have none."""
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return ""


def _finish(
    request: HttpRequest,
    response: HttpResponseBase,
    current: context.RequestContext,
    started: float,
) -> HttpResponseBase:
    response.headers["X-Request-ID"] = current.request_id
    if isinstance(response, EventStreamResponse):
        # The stream runs after this middleware has returned, in no context of its own.
        events = response.streaming_content
        response.streaming_content = _within(current, events, request, response, started)
    else:
        _log(request, response, started)
    return response


async def _within(
    current: context.RequestContext,
    parts: AsyncGenerator[bytes],
    request: HttpRequest,
    response: HttpResponseBase,
    started: float,
) -> AsyncGenerator[bytes]:
    """Yield the parts of a stream, each made in the request's context; log when it has ended.

    The context is bound for one step at a time, because steps and the end may run in different
    tasks, and a context variable can only be reset where it was set.
    """
    try:
        while True:
            with context.bind(current):
                try:
                    part = await anext(parts)
                except StopAsyncIteration:
                    return
            yield part
    finally:
        with context.bind(current):
            await parts.aclose()
            _log(request, response, started)


def _log(request: HttpRequest, response: HttpResponseBase, started: float) -> None:
    match = request.resolver_match
    # The route, not the path: a path can carry ids of others, a query string a question.
    route = match.route if match else ""
    ms = round((time.perf_counter() - started) * 1000, 1)
    fields = {"method": request.method, "route": route, "status": response.status_code, "ms": ms}
    logger.info("request", extra=fields)
    current = context.current()
    metrics.note_request(
        method=request.method or "",
        route=route,
        status=response.status_code,
        code=current.error_code,
        seconds=ms / 1000,
    )
    # A stream takes as long as its answer is written; that is no request that anybody waits for.
    is_slow = ms >= settings.SLOW_REQUEST_MS and not isinstance(response, EventStreamResponse)
    if is_slow or response.status_code >= 500:
        recent.note(
            recent.Event(
                at=time.time(),
                request_id=current.request_id,
                method=request.method or "",
                route=route,
                status=response.status_code,
                code=current.error_code,
                ms=ms,
            )
        )


class RequestUserMiddleware(Middleware):
    """Adds the signed-in user of a page request to the context.

    Who shows a token is known inside the API only, whose authentication does the same.
    """

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self._answer_async(request)
        context.set_user(request.user)
        return self.get_response(request)

    async def _answer_async(self, request: HttpRequest) -> Any:
        context.set_user(await request.auser())
        return await self.get_response(request)


class AppErrorMiddleware(Middleware):
    """Shows an AppError as a page, as a fragment for htmx, or as JSON to a script."""

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exc: Exception) -> HttpResponse | None:
        """Answer an AppError that a view let through, and a database or disk that can't be used.

        Anything else is not foreseen.
        """
        if isinstance(exc, AppError):
            return answer_error(request, exc)
        failure = failures.explain(exc)
        return answer_failure(request, failure) if failure else None


def answer_error(request: HttpRequest, error: AppError, *, page: str = "") -> HttpResponse:
    """Return the error in the form that whoever asked can use: page, fragment or JSON.

    Args:
        request: what is answered.
        error: what went wrong.
        page: the template for a whole page; by default the one that shows the error's sentence.
    """
    context.set_error(error.code)
    if wants_json(request):
        body = error_body(error.code, error.message, error.details)
        response: HttpResponse = JsonResponse(body, status=error.status)
    else:
        if isinstance(error, NotFound):
            page = "404.html"  # one answer, whether it does not exist or may not be known of
        template = "_error.html" if request.headers.get("HX-Request") else page or "error.html"
        response = render(request, template, {"error": error}, status=error.status)
    if error.retry_after_s:
        response.headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, NotSignedIn):
        response.headers["WWW-Authenticate"] = NotSignedIn.challenge
    return response


def answer_failure(request: HttpRequest, failure: AppError) -> HttpResponse:
    """Answer like `answer_error`, without asking the database who is signed in."""
    if wants_json(request):
        return answer_error(request, failure)
    context.set_error(failure.code)
    template = "_error.html" if request.headers.get("HX-Request") else "error.html"
    body = render_to_string(template, {"error": failure})
    response = HttpResponse(body, status=failure.status)
    if failure.retry_after_s:
        response.headers["Retry-After"] = str(failure.retry_after_s)
    return response


def wants_json(request: HttpRequest) -> bool:
    """Return whether a script asks: an API address, or JSON or an event stream accepted first."""
    if request.path_info.startswith("/api/"):
        return True
    accepted = request.accepted_types
    return bool(accepted) and f"{accepted[0].main_type}/{accepted[0].sub_type}" in _FOR_SCRIPTS
