"""Health and figures for monitors, and what is answered when no view did."""

import hmac
import sys

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from knowledge.lib import context, failures, health, metrics
from knowledge.lib.errors import InvalidInput, NotAllowed, NotFound, error_body
from knowledge.lib.middleware import answer_error, answer_failure, wants_json


@csrf_exempt
@login_not_required
@require_safe
@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    """Say that the process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@login_not_required
@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """Say whether every part can be used, and else, with 503, which cannot."""
    failing = health.failing()
    checks = {name: "failed" if name in failing else "ok" for name in health.names()}
    return JsonResponse(
        {"status": "failed" if failing else "ok", "checks": checks},
        status=503 if failing else 200,
    )


@csrf_exempt
@login_not_required
@require_safe
@never_cache
def figures(request: HttpRequest) -> HttpResponse:
    """Send figures to Prometheus, which shows its token; without one in the settings, none are."""
    if not settings.METRICS_TOKEN:
        raise NotFound
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    # SECURITY: in a time that does not tell how much of it is right.
    is_right = hmac.compare_digest(token.encode(), settings.METRICS_TOKEN.encode())
    if scheme.lower() != "bearer" or not is_right:
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(metrics.as_text(), content_type=metrics.CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django refuses to read, such as a request with a forged host."""
    return answer_error(request, InvalidInput("The request cannot be understood."), page="400.html")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a refusal that no view put into words."""
    return answer_error(request, NotAllowed(), page="403.html")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for what does not exist, and alike for what the user may not know of."""
    return answer_error(request, NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after an unforeseen error; the page is static, for anything may be broken.

    A database that is busy shows here when it was asked outside of a view, for a session say.
    """
    error = sys.exception()
    failure = failures.explain(error) if error is not None else None
    if failure is not None:
        return answer_failure(request, failure)
    context.set_error(type(error).__name__ if error is not None else "server_error")
    if wants_json(request):
        body = error_body("server_error", "Something went wrong here. It has been logged.")
        return JsonResponse(body, status=500)
    return defaults.server_error(request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that does not prove to come from a page of ours."""
    return answer_error(
        request,
        NotAllowed("This form has expired. Load the page again and send it once more."),
        page="403_csrf.html",
    )
