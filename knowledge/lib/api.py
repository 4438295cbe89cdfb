"""What every API view shares: pagination and the one error shape."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler
from rest_framework.views import set_rollback

from knowledge.lib import context
from knowledge.lib.errors import AppError, NotAllowed, NotFound, NotSignedIn, error_body

# DRF's codes, where ours say the same with another word.
_CODES = {
    "not_found": "not_found",
    "permission_denied": "permission_denied",
    "throttled": "rate_limited",
}


class Pagination(PageNumberPagination):
    """`{count, next, previous, results}`; `page_size` up to 200."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


def exception_handler(exc: Exception, view: dict[str, Any]) -> Response | None:
    """Turn every expected exception into `{"error": {code, message, details}}`."""
    if isinstance(exc, Http404):
        exc = NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = NotAllowed()
    elif isinstance(exc, ValidationError):
        exc = exceptions.ValidationError(_messages(exc))
    if isinstance(exc, AppError):
        set_rollback()
        context.set_error(exc.code)
        body = error_body(exc.code, exc.message, exc.details)
        return Response(body, status=exc.status, headers=_headers(exc))
    response = drf_exception_handler(exc, view)
    if response is None or not isinstance(exc, exceptions.APIException):
        return response
    code, message, details = _describe(exc)
    context.set_error(code)
    response.data = error_body(code, message, details)
    return response


def _headers(exc: AppError) -> dict[str, str]:
    headers = {}
    if exc.retry_after_s:
        headers["Retry-After"] = str(exc.retry_after_s)
    if isinstance(exc, NotSignedIn):
        headers["WWW-Authenticate"] = NotSignedIn.challenge
    return headers


def _messages(exc: ValidationError) -> Any:
    return exc.message_dict if hasattr(exc, "error_dict") else exc.messages


def _describe(exc: exceptions.APIException) -> tuple[str, str, Mapping[str, Any]]:
    """Return code, message and details of one of DRF's own exceptions."""
    if isinstance(exc, exceptions.ValidationError):
        fields = exc.detail if isinstance(exc.detail, dict) else {"non_field_errors": exc.detail}
        return "invalid", _first_sentence(fields), {"fields": fields}
    if isinstance(exc, exceptions.NotFound):
        return "not_found", "Not found.", {}
    detail = exc.detail
    code = str(getattr(detail, "code", exc.default_code))
    if isinstance(detail, dict):  # SimpleJWT answers with a dictionary of detail, code and messages
        said: dict[str, Any] = {str(name): value for name, value in detail.items()}
        code, message = str(said.get("code", code)), str(said.get("detail", ""))
    else:
        message = str(detail)
    return _CODES.get(code, code), message, {}


def _first_sentence(fields: Mapping[str, Any]) -> str:
    for name, errors in fields.items():
        first = errors[0] if isinstance(errors, list) and errors else errors
        return str(first) if name == "non_field_errors" else f"{name}: {first}"
    return "The request is invalid."
