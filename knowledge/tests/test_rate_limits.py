"""Who asks too often is told when to come back; who asks enough is never counted wrong."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import resolve

from conftest import PASSWORD
from knowledge.lib import rate_limits
from knowledge.lib.rate_limits import RateLimited, count

TINY = dict.fromkeys(("login", "chat", "retrieval", "upload"), ("2/minute", ""))


@pytest.fixture(autouse=True)
def _fresh_counts():
    rate_limits.forget()
    yield
    rate_limits.forget()


@pytest.fixture
def api_as(client):
    def of(user) -> dict[str, str]:
        answer = client.post(
            "/api/auth/login", {"username": user.email, "password": PASSWORD}, "application/json"
        )
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    return of


def test_a_window_moves_and_lets_nobody_have_more(settings):
    settings.RATE_LIMITS = {"chat": ("3/minute", "")}
    standings = [count(scope="chat", person="ann") for _ in range(3)]
    assert [standing.remaining for standing in standings] == [2, 1, 0]
    with pytest.raises(RateLimited) as refusal:
        count(scope="chat", person="ann")
    assert 1 <= refusal.value.retry_after_s <= 60
    assert count(scope="chat", person="ben").remaining == 2  # another person
    assert count(scope="retrieval", person="ann") is None  # no limit


def test_an_address_is_counted_beside_the_person(settings):
    settings.RATE_LIMITS = {"chat": ("9/minute", "2/minute")}
    count(scope="chat", person="ann", address="10.0.0.1")
    count(scope="chat", person="ben", address="10.0.0.1")
    with pytest.raises(RateLimited):
        count(scope="chat", person="cem", address="10.0.0.1")
    count(scope="chat", person="cem", address="10.0.0.2")


def passed(person: str, attempts: int) -> int:
    def attempt(_: int) -> bool:
        try:
            count(scope="chat", person=person)
        except RateLimited:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        return sum(pool.map(attempt, range(attempts)))


def test_it_is_exact_among_threads(settings):
    settings.RATE_LIMITS = {"chat": ("20/minute", "")}
    assert passed("ann", 100) == 20


@pytest.fixture
def redis(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert time.monotonic() < deadline, "redis-server did not start"
            threading.Event().wait(0.05)
    yield server, f"redis://127.0.0.1:{port}/0"
    server.kill()
    server.wait()


def test_it_is_exact_among_processes_that_share_redis(settings, redis):
    server, settings.RATE_LIMIT_STORAGE = redis
    settings.RATE_LIMITS = {"chat": ("20/minute", "")}
    four = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_PROCESS, settings.RATE_LIMIT_STORAGE],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "knowledge.settings.test"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in four:
        assert process.stdout.readline() == "ready\n"
    for process in four:  # all of them, at once
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sum(int(process.communicate(timeout=60)[0]) for process in four) == 20
    assert passed("ann", 10) == 0  # nor in a fifth process
    server.kill()
    server.wait()
    assert passed("ann", 30) == 20  # alone again, rather than refusing everybody


ONE_PROCESS = """
import sys, django
django.setup()
from django.conf import settings
from knowledge.tests.test_rate_limits import passed
settings.RATE_LIMIT_STORAGE = sys.argv[1]
settings.RATE_LIMITS = {"chat": ("20/minute", "")}
print("ready", flush=True)
sys.stdin.readline()
print(passed("ann", 15))
"""


# A request on each limited route, as the administrator (a script: by token) or nobody.
REQUESTS = {
    "accounts:login": ("nobody", "/login", {"email": "a@b.test", "password": "wrong"}),
    "api-login": ("nobody", "/api/auth/login", {"username": "a@b.test", "password": "wrong"}),
    "api-refresh": ("nobody", "/api/auth/refresh", {"refresh_token": "made up"}),
    "accounts:join": ("nobody", "/join/made-up", {}),
    "accounts:change_password": ("admin", "/profile/password", {"old_password": "wrong"}),
    "accounts:members": ("admin", "/members", {"email": "no address"}),
    "accounts:invitations": ("admin", "/invitations", {"email": "no address"}),
    "admin:accounts_user_add": ("admin", "/admin/accounts/user/add/", {"email": "no address"}),
    "admin:accounts_user_change": ("admin", "/admin/accounts/user/{person}/change/", {}),
    "api-users": ("admin", "/api/users", {"email": "no address"}),
    "api-invitations": ("admin", "/api/invitations", {"email": "no address"}),
    "rag:ask": ("admin", "/chat/ask/", {"query": "leave?"}),
    "rag:again": ("owner", "/chat/answers/{answer}/again/", {}),
    "api-chat": ("admin", "/api/chat", {"query": "leave?"}),
    "api-retrieval": ("admin", "/api/retrieval", {"query": "leave?"}),
    "documents:upload": ("admin", "/documents/upload", {}),
    "documents:upload-send": ("owner", "/documents/uploads/{batch}/send", {}),
    "documents:add-version": ("admin", "/documents/{document}/versions", {}),
    "api-documents": ("admin", "/api/documents", {}),
    "api-document-versions": ("admin", "/api/documents/{document}/versions", {}),
}


@pytest.mark.parametrize("route", rate_limits.SCOPES)
def test_each_limited_route_refuses_with_a_sentence_and_the_standard_headers(
    world, settings, route
):
    settings.RATE_LIMITS = dict.fromkeys(rate_limits.SCOPES.values(), ("2/minute", "2/minute"))
    who, address, body = REQUESTS[route]
    assert resolve(address.format(**world.ids)).view_name == route
    is_api = address.startswith("/api/")
    kind = {"content_type": "application/json"} if is_api else {}
    answers = [
        world.clients[who].post(
            address.format(**world.ids), body, REMOTE_ADDR="203.0.113.9", **kind
        )
        for _ in range(3)
    ]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert [answer.headers["RateLimit-Limit"] for answer in answers] == ["2"] * 3
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    refused = answers[-1]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit-Reset"] == refused.headers["Retry-After"]
    sentence = r"Too many [a-z ]+ in a short time\. Try again in \d+ seconds"
    assert re.search(sentence, refused.content.decode())
    if is_api:
        assert refused.json()["error"]["code"] == "rate_limited"


@pytest.mark.django_db
def test_who_tries_one_email_from_everywhere_is_told_the_same(settings, owner):
    """The email's own limit is counted in the service, behind the address's in the middleware."""
    settings.RATE_LIMITS = {"login": ("2/minute", "9/minute")}
    for address, body in (
        ("/login", {"email": owner.email, "password": "wrong"}),
        ("/api/auth/login", {"username": owner.email, "password": "wrong"}),
    ):
        rate_limits.forget()
        answers = [Client(REMOTE_ADDR=f"10.0.0.{n}").post(address, body) for n in range(3)]
        assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
        assert (answers[-1].status_code, answers[-1].headers["RateLimit-Limit"]) == (429, "2")
        assert answers[-1].headers["RateLimit-Reset"] == answers[-1].headers["Retry-After"]


@pytest.mark.django_db
def test_every_request_of_a_script_counts(settings, owner, client, api_as):
    headers = api_as(owner)
    settings.RATE_LIMITS = {"api": ("2/minute", "")}
    answers = [client.get("/api/auth/me", headers=headers).status_code for _ in range(3)]
    assert answers == [200, 200, 429]


@pytest.mark.django_db
def test_uploads_and_questions_of_pages_are_refused_readably(settings, owner, page_as, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.RATE_LIMITS = TINY
    page = page_as(owner)
    for address, data in (
        ("/documents/upload", lambda: {"file": SimpleUploadedFile("a.txt", b"words")}),
        ("/chat/ask/", lambda: {"query": "leave?"}),
    ):
        answers = [page.post(address, data()) for _ in range(3)]
        assert answers[-1].status_code == 429
        assert "Try again in" in answers[-1].content.decode()
        assert all(answer.status_code != 429 for answer in answers[:2])


@pytest.mark.django_db
def test_attempts_on_an_email_are_counted_wherever_they_come_from(settings, owner):
    settings.RATE_LIMITS = TINY
    statuses = [
        Client(REMOTE_ADDR=f"10.0.0.{n}")
        .post("/login", {"email": owner.email, "password": "wrong"})
        .status_code
        for n in range(3)
    ]
    assert statuses == [422, 422, 429]
