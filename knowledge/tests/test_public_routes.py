"""Which addresses answer somebody who is not signed in: exactly these."""

import re
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

PUBLIC = {
    "/login",
    "/health",
    "/health/ready",
    "/api/auth/login",
    # Whoever holds a refresh token shows it here instead of signing in.
    "/api/auth/refresh",
    "/api/auth/logout",
}
VALUES = {
    "uuid": "00000000-0000-4000-8000-000000000000",
    "int": "1",
    "slug": "a",
    "str": "a",
    "path": "a",
}


def routes(resolver: URLResolver, prefix: str = "/") -> Iterator[str]:
    """Return an example address of every route."""
    for entry in resolver.url_patterns:
        address = prefix + example(str(entry.pattern))
        if isinstance(entry, URLPattern):
            yield address
        else:
            yield from routes(entry, address)


def example(pattern: str) -> str:
    filled = re.sub(r"<(?:(\w+):)?\w+>", lambda found: VALUES[found[1] or "str"], pattern)
    # Django admin and DRF have a few routes that are regular expressions.
    filled = re.sub(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "a", filled)
    return filled.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\.", ".")


def test_only_these_answer_a_stranger(client: Client, db: None) -> None:
    addresses = sorted(set(routes(get_resolver())))
    assert len(addresses) > 30
    answered = set()
    for address in addresses:
        # A POST is what the logins take; nothing else may look at it before asking who it is.
        for response in (client.get(address), client.post(address)):
            if not is_refusal(response):
                answered.add(address)
    assert answered == PUBLIC


def is_refusal(response) -> bool:
    """Whether the answer is 401 or a way to the login page."""
    if response.status_code == HTTPStatus.FOUND:
        return response["Location"].startswith(("/login", "/admin/login"))
    return response.status_code == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("address", ["/api/nothing", "/nothing", "/documents/nothing"])
def test_an_unknown_address_tells_a_stranger_nothing(
    client: Client, db: None, address: str
) -> None:
    response = client.get(address)
    assert response.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.FOUND}
    assert "URLconf" not in response.content.decode()
