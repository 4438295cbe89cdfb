"""Each request has an id, known to every line it logs: in threads, async views and streams."""

import asyncio
import logging

import pytest
from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import include, path

from accounts.api import tokens
from accounts.models import User
from knowledge.lib import context
from knowledge.lib.streaming import EventStreamResponse

log = logging.getLogger("a.view")


def page(request):
    log.info("inside")
    return HttpResponse(context.current().request_id)


async def async_page(request):
    log.info("inside")
    return HttpResponse(context.current().request_id)


async def stream(request):
    async def parts():
        try:
            for number in range(2):
                await asyncio.sleep(0)
                log.info("part")
                yield f"{number} {context.current().request_id}\n".encode()
        finally:
            log.info("closed")

    return EventStreamResponse(parts())


async def endless(request):
    async def parts():
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            log.info("closed")

    return EventStreamResponse(parts())


def named_page(request, word: str):
    return page(request)


page.login_required = named_page.login_required = False
urlpatterns = [
    path("page/<word>", named_page),
    path("endless", endless),
    path("page", page),
    path("async", async_page),
    path("stream", stream),
    path("", include("knowledge.urls")),
]


# An async view queries from another thread, which sees only what is committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def routes():
    with override_settings(ROOT_URLCONF=__name__):
        yield


class Lines(logging.Handler):
    """Keeps what is logged, with the context that it was logged in."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str, str]] = []
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        now = context.current()
        self.seen.append((record.getMessage(), now.request_id, now.user_id))
        self.records.append(record)


@pytest.fixture
def lines():
    handler = Lines()
    loggers = [logging.getLogger("a.view"), logging.getLogger("knowledge.request")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield handler
    for logger in loggers:
        logger.removeHandler(handler)


def test_a_sane_id_is_kept_and_echoed(client: Client) -> None:
    response = client.get("/page", headers={"X-Request-ID": "a.B-1_2"})
    assert response.headers["X-Request-ID"] == response.content.decode() == "a.B-1_2"


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "a\u00e9", "a;b"])
def test_any_other_id_is_replaced(client: Client, given: str) -> None:
    made = client.get("/page", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert made != given
    assert len(made) == 32


def test_two_requests_have_two_ids_and_nothing_is_left_behind(client: Client) -> None:
    ids = {client.get("/page").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3
    assert context.current().request_id == ""


def test_a_session_user_is_known(client: Client, owner: User, lines: Lines) -> None:
    client.force_login(owner)
    client.get("/page", headers={"X-Request-ID": "one"})
    assert lines.seen == [
        ("inside", "one", str(owner.pk)),
        ("request", "one", str(owner.pk)),
    ]


def test_a_token_user_is_known(client: Client, owner: User, lines: Lines) -> None:
    bearer = {"Authorization": f"Bearer {tokens.issue(owner).access_token}"}
    client.get("/api/auth/me", headers={**bearer, "X-Request-ID": "one"})
    assert lines.seen == [("request", "one", str(owner.pk))]


def test_the_line_holds_route_status_and_time_and_no_query(client: Client, lines: Lines) -> None:
    client.get("/page/a-name?q=what+is+my+salary")
    record = lines.records[-1]
    assert (record.method, record.route, record.status) == ("GET", "page/<word>", 200)
    assert record.ms >= 0
    assert "salary" not in str(vars(record))
    assert "a-name" not in str(vars(record))


async def test_an_async_view_is_in_its_requests_context(owner: User, lines: Lines) -> None:
    client = AsyncClient()
    await client.aforce_login(owner)
    response = await client.get("/async", headers={"X-Request-ID": "one"})
    assert response.content == b"one"
    assert lines.seen == [
        ("inside", "one", str(owner.pk)),
        ("request", "one", str(owner.pk)),
    ]


async def test_a_stream_stays_in_it_until_its_end(owner: User, lines: Lines) -> None:
    client = AsyncClient()
    await client.aforce_login(owner)
    response = await client.get("/stream", headers={"X-Request-ID": "one"})
    assert context.current().request_id == ""
    got = [part async for part in response.streaming_content]
    assert got == [b"0 one\n", b"1 one\n"]
    who = ("one", str(owner.pk))
    assert lines.seen == [(word, *who) for word in ("part", "part", "closed", "request")]


async def test_two_streams_at_once_keep_to_themselves(owner: User, lines: Lines) -> None:
    client = AsyncClient()
    await client.aforce_login(owner)
    streams = [
        (await client.get("/stream", headers={"X-Request-ID": name})).streaming_content
        for name in ("one", "two")
    ]
    got = []
    for _ in range(2):
        got += [await anext(parts) for parts in streams]
    assert got == [b"0 one\n", b"0 two\n", b"1 one\n", b"1 two\n"]


async def test_a_stream_whose_reader_leaves_ends_in_its_context_too(
    owner: User, lines: Lines
) -> None:
    client = AsyncClient()
    await client.aforce_login(owner)
    response = await client.get("/endless", headers={"X-Request-ID": "one"})
    arrived = asyncio.Event()

    async def read() -> None:
        async for _ in response.streaming_content:
            arrived.set()

    reader = asyncio.create_task(read())
    await arrived.wait()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    who = ("one", str(owner.pk))
    assert lines.seen == [("closed", *who), ("request", *who)]
