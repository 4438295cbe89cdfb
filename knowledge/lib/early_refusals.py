"""Answers given before Django sees the request: with its headers, and counted as it counts.

No middleware runs for them, so what the middleware would add is added here.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from django.conf import settings

from knowledge.lib import metrics
from knowledge.lib.errors import AppError, error_body

Scope = dict[str, Any]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Please try again</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
    "<body><h1 data-error-message>{message}</h1>"
    "<p>Go back, and what you wrote is still there.</p></body></html>"
)
# The page loads nothing and sends nothing.
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


async def refuse(scope: Scope, send: Send, error: AppError) -> None:
    """Answer with the error, as scripts and as browsers read it."""
    body, content_type = _body(scope, error)
    headers = {
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        # Idle connections of those who were refused would count against the server's limit.
        "Connection": "close",
        **dict(_for_browsers(scope)),
    }
    if error.retry_after_s:
        headers["Retry-After"] = str(error.retry_after_s)
    named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    metrics.note_request(
        method=scope.get("method", ""), route="", status=error.status, code=error.code, seconds=0
    )
    await send({"type": "http.response.start", "status": error.status, "headers": named})
    await send({"type": "http.response.body", "body": body})


def _for_browsers(scope: Scope) -> Iterator[tuple[str, str]]:
    """Yield what the middleware tells browsers with every other answer."""
    yield "Content-Security-Policy", _POLICY
    yield "X-Content-Type-Options", "nosniff"
    yield "X-Frame-Options", settings.X_FRAME_OPTIONS
    yield "Referrer-Policy", settings.SECURE_REFERRER_POLICY
    yield from settings.BROWSER_POLICY.items()
    if settings.SECURE_CROSS_ORIGIN_OPENER_POLICY:
        yield "Cross-Origin-Opener-Policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY
    if settings.SECURE_HSTS_SECONDS and _is_secure(scope):
        yield "Strict-Transport-Security", _hsts()


def _hsts() -> str:
    value = f"max-age={settings.SECURE_HSTS_SECONDS}"
    value += "; includeSubDomains" * settings.SECURE_HSTS_INCLUDE_SUBDOMAINS
    return value + "; preload" * settings.SECURE_HSTS_PRELOAD


def _is_secure(scope: Scope) -> bool:
    if not settings.SECURE_PROXY_SSL_HEADER:
        return bool(scope.get("scheme") == "https")
    name, secure = settings.SECURE_PROXY_SSL_HEADER
    sent = name.removeprefix("HTTP_").replace("_", "-").lower().encode()
    return bool(dict(scope.get("headers", [])).get(sent, b"") == secure.encode())


def _body(scope: Scope, error: AppError) -> tuple[bytes, str]:
    headers = dict(scope.get("headers", []))
    if b"text/html" in headers.get(b"accept", b"") or b"hx-request" in headers:
        return _PAGE.format(message=error.message).encode(), "text/html; charset=utf-8"
    body = json.dumps(error_body(error.code, error.message, error.details))
    return body.encode(), "application/json"
