"""Walks the URLconf, and says what an answer tells whoever got it."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Route:
    """One entry of the URLconf, as `resolve` names it."""

    pattern: str
    callback: Any

    @property
    def names_an_object(self) -> bool:
        return "<" in self.pattern and "(?P<" not in self.pattern

    @property
    def example(self) -> str:
        """Return an address that matches it, of nothing that exists."""
        values = {"uuid": str(uuid.uuid4()), "int": "1"}
        filled = re.sub(r"<(?:(\w+):)?\w+>", lambda m: values.get(m[1], "a"), self.pattern)
        # Django admin has a few routes that are regular expressions.
        filled = re.sub(r"\(\?P<\w+>(\w+)\|[^()]*\)", r"\1", filled)
        filled = re.sub(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "a", filled)
        return "/" + filled.replace("^", "").replace("$", "").replace("\\Z", "")


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[Route]:
    for entry in (resolver or get_resolver()).url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield Route(pattern, entry.callback)
        else:
            yield from routes(entry, pattern)


def ask(client: Client, method: str, address: str, body: dict[str, Any] | None = None) -> Any:
    """Send a request whose changes are taken back, and return the answer."""
    is_json = address.startswith("/api/") and "file" not in (body or {})
    kind = {"content_type": "application/json"} if is_json else {}
    with transaction.atomic():
        response = getattr(client, method.lower())(address, body or {}, **kind)
        transaction.set_rollback(True)
    client.cookies.pop("messages", None)  # or the next page would show what this one left
    return response


def said(response: Any) -> tuple[int, str, str]:
    """Return status, target and body, without what differs from answer to answer."""
    body = "" if response.streaming else response.content.decode()
    body = re.sub(r"[A-Za-z0-9]{64}", "(token)", body)
    return response.status_code, without_ids(response.get("Location", "")), without_ids(body)


def without_ids(text: str) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b\d{9,}\b|\b\d+/", "(id)", text)


def outcome(response: Any) -> str:
    is_redirect = response.status_code == HTTPStatus.FOUND
    if is_redirect and response["Location"].startswith(("/login", "/admin/login")):
        return "login"
    return str(response.status_code)
