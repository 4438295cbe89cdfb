"""What a monitor is told: whether it lives, and which part cannot be used; nothing more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from knowledge.lib import health


@pytest.fixture
def parts() -> Iterator[dict]:
    """Give the list of checks back as it was."""
    before = dict(health._checks)
    yield health._checks
    health._checks.clear()
    health._checks.update(before)


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_anybody_may_ask_and_only_ask(client: Client, db: None, path: str) -> None:
    assert client.get(path).status_code == 200
    assert client.head(path).status_code == 200
    for method in (client.post, client.put, client.delete):
        assert method(path).status_code == 405
    assert "no-store" in client.get(path).headers["Cache-Control"]


def test_alive_asks_nothing(client: Client) -> None:
    # no database in this test: a query would fail it
    assert client.get("/health").json() == {"status": "ok"}


def test_ready_names_every_part(client: Client, db: None) -> None:
    answer = client.get("/health/ready").json()
    assert answer["status"] == "ok"
    assert answer["checks"].keys() >= {"database", "queue", "index", "storage"}
    assert set(answer["checks"].values()) == {"ok"}


@pytest.mark.parametrize(
    ("part", "setting"), [("index", "VECTOR_STORE_DIR"), ("storage", "MEDIA_ROOT")]
)
def test_a_folder_that_cannot_be_written_is_named_and_its_path_is_not(
    client: Client, db: None, settings, tmp_path: Path, part: str, setting: str
) -> None:
    (tmp_path / "secret-place").write_text("a file where a folder should be")
    setattr(settings, setting, tmp_path / "secret-place")
    response = client.get("/health/ready")
    assert response.status_code == 503
    answer = response.json()
    assert answer["status"] == "failed"
    assert [name for name, said in answer["checks"].items() if said == "failed"] == [part]
    assert "secret-place" not in response.content.decode()


def test_an_app_adds_a_part_of_its_own(client: Client, db: None, parts: dict) -> None:
    def broken() -> None:
        raise RuntimeError("password=hunter2")

    health.register("model", broken)
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["model"] == "failed"
    assert "hunter2" not in response.content.decode()
    health.register("model", lambda: None)
    assert client.get("/health/ready").status_code == 200
