"""What is refused before Django is told to browsers and to Prometheus as if Django had answered."""

import asyncio
from typing import Any

import pytest
from django.test import Client

from knowledge.lib.early_refusals import refuse
from knowledge.lib.errors import Overloaded, TooLarge
from knowledge.lib.metrics import REGISTRY


def refused(error: Any, **headers: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/x", "headers": named}
    asyncio.run(refuse(scope, send, error))
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, sent[1]["body"]


@pytest.mark.parametrize("error", [Overloaded(retry_after_s=3), TooLarge("Too large.")])
def test_it_carries_every_header_that_a_page_does(error: Any, client: Client, db: None) -> None:
    _, told, _ = refused(error)
    of_a_page = {name.lower() for name in client.get("/login").headers}
    of_a_page -= {"set-cookie", "vary", "expires", "content-language", "x-request-id", "allow"}
    assert of_a_page <= set(told)
    assert "default-src 'none'" in told["content-security-policy"]


def test_browsers_are_told_to_stay_with_https_where_they_came_by_it(settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 60
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    error = TooLarge("Too large.")
    _, told, _ = refused(error, x_forwarded_proto="https")
    assert told["strict-transport-security"] == "max-age=60; includeSubDomains; preload"
    assert "strict-transport-security" not in refused(error)[1]


@pytest.mark.parametrize(
    ("error", "code"), [(Overloaded(retry_after_s=3), "overloaded"), (TooLarge("x"), "too_large")]
)
def test_it_is_counted(error: Any, code: str) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("knowledge_refusals_total", {"code": code}) or 0

    before = counted()
    status, _, body = refused(error, accept="text/html")
    assert counted() == before + 1
    assert (status, b"<h1" in body) == (error.status, True)
