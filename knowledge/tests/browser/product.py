"""Runs the whole product as a user would, in a folder of its own, and acts as its API's clients."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = sorted(path.name for path in (ROOT / "samples").iterdir() if path.is_file())
MAX_UPLOAD_BYTES = 2 * 1024 * 1024
START_S = 120  # a start on a busy machine, the embedding model included
INGEST_S = 120
_POLL_S = 0.2
# The environment of whoever runs the tests stays outside, with its model servers and databases.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")


@dataclass
class Person:
    """Somebody who can sign in, and their API client."""

    email: str
    password: str
    api: httpx.Client


@dataclass
class Product:
    """One running command of `manage.py` on a data folder; several may share a folder.

    Attributes:
        command: of `manage.py`; `start` runs everything, `serve` a web server alone.
        settings: variables of the environment besides those that every product here has.
    """

    folder: Path
    command: str = "start"
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.folder / f"{self.command}-{self.port}.log"
        self.admin_email, self.admin_password = "admin@example.com", "correct-horse-battery"
        self._clients: list[httpx.Client] = []

    def start(self) -> None:
        """Start it, and return when it is ready."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), self.command],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_until(self._is_ready, START_S, "the product to be ready")

    def _environment(self) -> dict[str, str]:
        data = self.folder / "data"
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            # Not `dev`, which reads a developer's .env file.
            "DJANGO_SETTINGS_MODULE": "knowledge.settings.base",
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "DATA_DIR": str(data),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "ADMIN_EMAIL": self.admin_email,
            "ADMIN_PASSWORD": self.admin_password,
            "MAX_UPLOAD_BYTES": str(MAX_UPLOAD_BYTES),
            # A run asks more in a minute than people do; the limits have tests of their own.
            "RATE_LIMITS": "0",
            **self.settings,
        }

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """End it as Ctrl-C does, and whatever of it would be left by force."""
        for client in self._clients:
            client.close()
        ours = [self._process.pid]
        if self._process.poll() is None:
            ours += [p.pid for p in psutil.Process(self._process.pid).children(recursive=True)]
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        left = [pid for pid in ours if _belongs_to(pid, self.folder)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, f"{len(left)} processes outlived the stop"
        assert self._process.returncode == 0, f"the stop ended with {self._process.returncode}"

    def wait_until(self, holds: Callable[[], bool], seconds: float, what: str) -> None:
        """Ask until it holds; fail with the log when the product ends or the time is up."""
        deadline = time.monotonic() + seconds
        while not holds():
            late = time.monotonic() > deadline
            if self._process.poll() is not None or late:
                raise AssertionError(f"Waited for {what}.\n{self.log_since(0)}")
            try:
                self._process.wait(timeout=_POLL_S)
            except subprocess.TimeoutExpired:
                continue

    def log_since(self, offset: int) -> str:
        """Return the end of what was logged after that many bytes."""
        return self.log.read_bytes()[offset:].decode(errors="replace")[-8_000:]

    def errors_since(self, offset: int) -> list[str]:
        """Return what was logged as an error after that many bytes."""
        lines = self.log.read_bytes()[offset:].decode(errors="replace").splitlines()
        return [line for line in lines if _is_error(line)]

    # --- as a script ------------------------------------------------------------------------------
    def sign_in(self, email: str, password: str) -> Person:
        """Return a person with a client that carries their token."""
        given = {"username": email, "password": password}
        answer = httpx.post(f"{self.url}/api/auth/login", json=given, timeout=30)
        assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        client = httpx.Client(base_url=f"{self.url}/api/", headers=headers, timeout=60)
        self._clients.append(client)
        return Person(email, password, client)

    def administrator(self) -> Person:
        """Return the one that the first start made."""
        return self.sign_in(self.admin_email, self.admin_password)

    def create_person(self, admin: Person, *, name: str = "", role: str = "user") -> Person:
        """Return a new person of the admin's organization."""
        email, password = f"{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(12)
        given = {"email": email, "name": name, "role": role, "password": password}
        answer = admin.api.post("users", json=given)
        assert answer.status_code == 201, answer.text
        return self.sign_in(email, password)

    def upload(
        self, person: Person, files: dict[str, bytes], *, visibility: str = "private"
    ) -> dict[str, str]:
        """Upload, wait until all can be asked about, and return the documents' ids by name."""
        ids = {}
        for name, content in files.items():
            answer = person.api.post(
                "documents", files={"file": (name, content)}, data={"visibility": visibility}
            )
            assert answer.status_code == 201, answer.text
            ids[name] = answer.json()["id"]
        self.wait_until_completed(person, list(ids.values()))
        return ids

    def wait_until_completed(self, person: Person, ids: Sequence[str]) -> None:
        """Poll as a script does; a failed document ends the wait."""

        def all_completed() -> bool:
            found = [person.api.get(f"documents/{key}").json() for key in ids]
            failed = [document["error_message"] for document in found if is_failed(document)]
            assert failed == []
            return all(document["status"] == "completed" for document in found)

        def is_failed(document: dict[str, Any]) -> bool:
            return document["status"] == "failed"

        self.wait_until(all_completed, INGEST_S, "documents to be completed")

    def wait_for_samples(self, admin: Person) -> None:
        """Wait until the sample handbook can be asked about."""

        def all_completed() -> bool:
            answer = admin.api.get("documents", params={"status": "completed"}).json()
            return answer["count"] >= len(SAMPLES)

        self.wait_until(all_completed, INGEST_S, "the samples to be completed")


@contextmanager
def running_product() -> Iterator[Product]:
    """Run the whole product with its sample handbook; nothing of it is left afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="knowledge-browser-"))
    product = Product(folder)
    try:
        product.start()
        product.wait_for_samples(product.administrator())
        yield product
    finally:
        try:
            product.stop()
        finally:
            shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _belongs_to(pid: int, folder: Path) -> bool:
    """Whether the process still runs, and is not another one that got the number since."""
    try:
        process = psutil.Process(pid)
        data = process.environ().get("DATA_DIR", "")
        return process.status() != psutil.STATUS_ZOMBIE and data.startswith(str(folder))
    except psutil.Error:
        return False


def _is_error(line: str) -> bool:
    if not line.startswith("{"):
        return line.startswith("Traceback")
    return json.loads(line).get("level") in ("error", "critical")
