"""Lives with a real server and a real worker, which people use over HTTP while both are killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import httpx

from knowledge.tests.crash.expected import PASSWORD, Chat, Note, needle_of, random_note
from knowledge.tests.crash.lives import Life
from knowledge.tests.crash.processes import Misbehaved
from knowledge.tests.crash.scenarios import life

_ROOT = Path(__file__).resolve().parents[3]
_VISITORS = ("admin@acme.test", "owner@acme.test", "admin@rival.test")
_MOST_UPLOADS = 25  # of each visitor, so that a life has an end
_PATIENCE_S = 60
_POLL_S = 0.02


class Service:
    """One command of `manage.py` that runs until it is killed, with all that it started."""

    def __init__(self, command: str, *, log: Path, port: int) -> None:
        self.command = command
        self._log = log
        self._environment = {**os.environ, "PORT": str(port), "RATE_LIMITS": "0"}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(_ROOT / "manage.py"), self.command],
                cwd=_ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


class Visitor:
    """Somebody who uploads, deletes, reads, searches and asks until told to leave.

    Attributes:
        accepted: notes whose upload was answered with 201, and not deleted since.
        uploads_in_doubt, deletes_in_doubt: what was sent and never answered.
        deleted: the ids of notes whose delete was answered with 204.
        breaches: answers that should not have been given.
        done: how many requests were answered.
    """

    def __init__(self, email: str, *, url: str, rng: Random, leaving: threading.Event) -> None:
        self._thread = threading.Thread(target=self._run, name=email, daemon=True)
        self.email = email
        self._url = url
        self._rng = rng
        self._leaving = leaving
        self._api = httpx.Client(base_url=f"{url}/api/", timeout=_PATIENCE_S)
        self._ids: dict[str, str] = {}
        self._sent = 0
        self.accepted: dict[str, Note] = {}
        self.uploads_in_doubt: dict[str, Note] = {}
        self.deletes_in_doubt: dict[str, tuple[Note, str]] = {}
        self.deleted: dict[str, str] = {}
        self.chats: list[Chat] = []
        self.breaches: list[str] = []
        self.done = 0

    def begin(self) -> None:
        """Sign in, and do one thing after the other until told to leave."""
        given = {"username": self.email, "password": PASSWORD}
        token = self._api.post("auth/login", json=given).raise_for_status().json()["access_token"]
        self._api.headers["Authorization"] = f"Bearer {token}"
        self._thread.start()

    def join(self) -> None:
        """Wait until this person has left."""
        if self._thread.is_alive():
            self._thread.join(2 * _PATIENCE_S)
        if self._thread.is_alive():
            raise Misbehaved(f"{self.email} waits for an answer for ever")

    def completed(self) -> int:
        """Return how many documents this person sees that can be searched."""
        answer = self._api.get("documents", params={"status": "completed"})
        return int(answer.raise_for_status().json()["count"])

    def _run(self) -> None:
        actions: list[Callable[[], None]] = [
            *[self._upload] * 3,
            *[self._delete] * (2 if self.email.startswith("admin") else 0),
            *(self._read, self._search, self._ask, self._ask_for_a_stream),
        ]
        while not self._leaving.is_set():
            try:
                self._rng.choice(actions)()
                self.done += 1
            except httpx.TransportError:
                self._leaving.wait(_POLL_S)  # the server is dead or not yet up again
        self._api.close()

    def _upload(self) -> None:
        if self._sent == _MOST_UPLOADS:
            return
        self._sent += 1
        name = f"{self.email.split('@')[0]}-{self.email[-9:-5]}-{self._sent}.txt"
        note = random_note(name, self._rng, owner=self.email)
        if note.visibility == "teams":
            note = replace(note, visibility="organization")  # spares asking for the team's id
        self.uploads_in_doubt[name] = note
        answer = self._api.post(
            "documents",
            files={"file": (name, note.content)},
            data={"visibility": note.visibility},
        )
        del self.uploads_in_doubt[name]
        if self._is("POST document", answer, 201):
            self.accepted[name] = note
            self._ids[name] = answer.json()["id"]

    def _delete(self) -> None:
        if not self.accepted:
            return
        name = self._rng.choice(sorted(self.accepted))
        note, key = self.accepted.pop(name), self._ids[name]
        self.deletes_in_doubt[name] = (note, key)
        answer = self._api.delete(f"documents/{key}")
        del self.deletes_in_doubt[name]
        if self._is("DELETE document", answer, 204):
            self.deleted[name] = key
            for path in ("", "/file", "/pages/1"):
                self._is(f"deleted {path}", self._api.get(f"documents/{key}{path}"), 404)

    def _read(self) -> None:
        if self.accepted:
            name = self._rng.choice(sorted(self.accepted))
            answer = self._api.get(f"documents/{self._ids[name]}/file")
            if self._is("GET file", answer, 200) and answer.content != self.accepted[name].content:
                self.breaches.append(f"the file of {name} was given back altered")

    def _search(self) -> None:
        given = {"query": self._question(), "top_k": 50}
        answer = self._api.post("retrieval", json=given)
        if self._is("POST retrieval", answer, 200):
            found = {result["document_id"] for result in answer.json()["results"]}
            if ghosts := found & set(self.deleted.values()):
                self.breaches.append(f"found deleted documents {ghosts}")

    def _ask(self) -> None:
        chat = self._chat()
        answer = self._api.post("chat", json={"query": chat.query})
        chat.answered = self._is("POST chat", answer, 200)

    def _ask_for_a_stream(self) -> None:
        chat = self._chat()
        given = {"query": chat.query, "stream": True}
        with self._api.stream("POST", "chat", json=given) as answer:
            for line in answer.iter_lines():
                chat.answered = chat.answered or line == "event: done"

    def _chat(self) -> Chat:
        chat = Chat(self.email, f"{self._question()} ({len(self.chats)})", answered=False)
        self.chats.append(chat)
        return chat

    def _question(self) -> str:
        names = sorted({*self.accepted, *self.deleted}) or ["first-1.txt"]
        needle = needle_of(self._rng.choice(names))
        return f"What does the handbook {needle} say to {self.email}?"

    def _is(self, what: str, answer: httpx.Response, status: int) -> bool:
        """Tell whether it was answered so; busy is an honest answer, anything else a breach."""
        if answer.status_code not in (status, 503):
            self.breaches.append(f"{what}: {answer.status_code} {answer.text[:300]}")
        return answer.status_code == status


@life
def people_use_it_while_server_and_worker_are_killed(life: Life) -> None:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    services = [Service(command, log=life.log, port=port) for command in ("serve", "qcluster")]
    leaving = threading.Event()
    visitors = [
        Visitor(email, url=url, rng=Random(life.rng.random()), leaving=leaving)
        for email in _VISITORS
    ]
    try:
        for service in services:
            service.start()
        _until(lambda: _answers(url), "the server to answer")
        for visitor in visitors:
            visitor.begin()
        for _ in range(8):
            _kill_one(life, services, visitors, url)
    finally:
        leaving.set()
        for visitor in visitors:
            visitor.join()
        for service in services:
            service.kill()
            life.counts_kill(service.command)
    for visitor in visitors:
        _take_over(life, visitor)


def _kill_one(life: Life, services: list[Service], visitors: list[Visitor], url: str) -> None:
    """Kill the server or the worker in the middle of its work, and start it again."""
    server, worker = services
    victim = life.rng.choice(services)
    life.tell(f"{victim.command} is killed")
    if victim is worker:
        ready = life.rng.randint(1, 3) + visitors[0].completed()
        # Where nothing is left to do it is killed all the same.
        _until(lambda: visitors[0].completed() >= ready, seconds=3)
    goal = life.rng.randint(1, 10) + sum(visitor.done for visitor in visitors)
    _until(lambda: sum(visitor.done for visitor in visitors) >= goal, "visitors to be served")
    threading.Event().wait(life.rng.uniform(0, 0.03))
    victim.kill()
    life.counts_kill(victim.command)
    victim.start()
    if victim is server:
        _until(lambda: _answers(url), "the server to answer")


def _take_over(life: Life, visitor: Visitor) -> None:
    """Add to the model what a visitor was promised."""
    life.report.breaches += [f"{visitor.email}: {breach}" for breach in visitor.breaches]
    expected = life.expected
    for note in visitor.accepted.values():
        expected.accepted(note)
    for name, note in visitor.uploads_in_doubt.items():
        expected.in_doubt(name, note)
    for name, (note, key) in visitor.deletes_in_doubt.items():
        expected.in_doubt(name, note, document_id=key)
    expected.deleted.update(visitor.deleted)
    expected.chats += visitor.chats
    life.tell(
        f"{visitor.email} was answered {visitor.done} times: {len(visitor.accepted)} notes, "
        f"{len(visitor.deleted)} deleted, {len(visitor.chats)} questions"
    )


def _until(holds: Callable[[], bool], what: str = "", *, seconds: float = _PATIENCE_S) -> None:
    """Poll until it holds; when the time is up, that is a breach if it is said what was awaited."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            if what:
                raise Misbehaved(f"waited {seconds:.0f} s for {what}")
            return
        threading.Event().wait(_POLL_S)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
