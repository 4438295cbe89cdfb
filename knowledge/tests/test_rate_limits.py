"""Who asks too often is told when to come back; who asks enough is never counted wrong."""

import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

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
    assert passed("ann", 30) == 20
    rate_limits.forget()  # as another process, which remembers nothing
    assert passed("ann", 10) == 0
    server.kill()
    server.wait()
    assert passed("ann", 30) == 20  # alone again, rather than refusing everybody


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "body"),
    [("/api/chat", {"query": "leave?"}), ("/api/retrieval", {"query": "leave?"})],
)
def test_the_api_refuses_with_the_standard_headers(settings, owner, client, api_as, address, body):
    headers = api_as(owner)
    settings.RATE_LIMITS = TINY
    answers = [client.post(address, body, "application/json", headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    refused = answers[-1]
    assert refused.json()["error"]["code"] == "rate_limited"
    assert refused.headers["RateLimit-Limit"] == "2"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert "Try again in" in refused.json()["error"]["message"]


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
