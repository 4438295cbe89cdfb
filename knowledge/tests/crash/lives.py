"""One life of an installation: people use it, processes die, it is restarted, and is checked."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from knowledge.lib.faults import FaultPoint
from knowledge.tests.crash.expected import (
    OTHER_MODEL,
    Chat,
    Expected,
    Note,
    random_message,
    random_note,
)
from knowledge.tests.crash.processes import Died, Misbehaved, Process, Survived
from knowledge.tests.crash.world import Installation, Report

RANDOM_MOMENT = "random moment"
_ROUNDS = 8  # of sweeping and working after a restart; more than attempts of a document


class Life:
    """What scenarios are written with.

    Attributes:
        rng: every choice comes from it, so that a life can be led once more.
        expected: what the product has promised so far.
        server: a process that takes uploads, deletes and questions; anew after it died.
        witness: a process that searches, and lives through everything.
    """

    def __init__(self, rng: Random, installation: Installation, notes: Sequence[Note]) -> None:
        self.rng = rng
        self.expected = Expected({note.name: note for note in notes})
        self.report = Report()
        self._kills: Counter[str] = Counter()
        self._installation = installation
        self._began = time.monotonic()
        self._made = len(notes)
        self._processes: list[Process] = []
        self.witness = self.process()
        self.witness.do("load_index")
        self._server: Process | None = None

    @property
    def log(self) -> Path:
        """The file that every process writes its log to."""
        return self._installation.log

    # --- processes --------------------------------------------------------------------------------
    def process(self) -> Process:
        """Start another process of the product."""
        started = Process(self.log)
        self._processes.append(started)
        return started

    @property
    def server(self) -> Process:
        if self._server is None:
            self._server = self.process()
        return self._server

    def does(self, operation: str, /, **arguments: Any) -> Any:
        """Have a process of its own do something to the end."""
        self.tell(operation, arguments)
        process = self.process()
        result = process.do(operation, **arguments)
        process.close()
        return result

    def dies(self, point: FaultPoint, operation: str, /, *, nth: int = 1, **arguments: Any) -> None:
        """Have a process of its own die in an operation, when it passes the point.

        Raises:
            Survived: it did not pass the point so often.
        """
        self.tell(f"dies at {point} ({nth}) in {operation}", arguments)
        process = self.process()
        process.do("arm", point=str(point), nth=nth)
        try:
            process.do(operation, **arguments)
        except Died:
            self._kills[str(point)] += 1
            return
        raise Survived(f"{operation} did not pass {point} {nth} times")

    def dies_if_passed(self, point: FaultPoint, operation: str) -> None:
        """Have it die at the point if it comes there; else it does its work to the end."""
        with suppress(Survived):
            self.dies(point, operation)

    def dies_somewhere(self, seconds: float, operation: str, /, **arguments: Any) -> bool:
        """Kill a process of its own within so many seconds after an operation began.

        Returns:
            Whether it was killed before it came to the end.
        """
        delay = self.rng.uniform(0, seconds)
        self.tell(f"dies after {delay:.4f} s in {operation}", arguments)
        process = self.process()
        process.begin(operation, **arguments)
        if process.ends_within(delay):
            process.result()
            process.close()
            return False
        process.kill()
        self._kills[RANDOM_MOMENT] += 1
        return True

    def stops(
        self, point: FaultPoint, operation: str, /, *, nth: int = 1, **arguments: Any
    ) -> Process:
        """Return a process that has stopped in an operation, as it passed the point."""
        self.tell(f"stops at {point} ({nth}) in {operation}", arguments)
        process = self.process()
        process.do("arm", point=str(point), nth=nth, signal_number=signal.SIGSTOP)
        process.begin(operation, **arguments)
        process.wait_until_stopped()
        return process

    def wakes(self, sleeper: Process) -> None:
        """Let a stopped process do its work to the end."""
        self.tell("wakes up")
        sleeper.go_on()
        sleeper.result()
        sleeper.close()

    def is_refused(self, sleeper: Process, error: str) -> None:
        """Let a stopped process go on, whose work must end with this error."""
        try:
            self.wakes(sleeper)
        except Misbehaved as misbehaved:
            if f".{error}:" in str(misbehaved):
                return
            raise
        raise Misbehaved(f"what should have ended with {error} was done")

    def counts_kill(self, of: str) -> None:
        self._kills[of] += 1

    def tell(self, what: str, arguments: dict[str, Any] | None = None) -> None:
        """Add to the story."""
        told = ", ".join(f"{key}={_briefly(value)}" for key, value in (arguments or {}).items())
        seconds = time.monotonic() - self._began
        self.report.story.append(f"{seconds:6.1f} s  {what} {told}".strip())

    # --- what people do ---------------------------------------------------------------------------
    def new_note(self) -> Note:
        self._made += 1
        return random_note(f"note-{self._made}.txt", self.rng)

    def uploads(self, count: int = 1) -> list[Note]:
        """Upload new notes."""
        notes = [self.new_note() for _ in range(count)]
        for note in notes:
            self.tell("upload", {"note": note})
            self.server.do("upload", note=note)
            self.expected.accepted(note)
        return notes

    def uploads_message(self) -> None:
        """Upload a message with two notes attached to it, which are there once it is read."""
        name, *attached = (self.new_note().name for _ in range(3))
        message, notes = random_message(name.replace(".txt", ".eml"), self.rng, attached=attached)
        self.tell("upload", {"note": message})
        self.server.do("upload", note=message)
        self.expected.accepted(message)
        self.expected.to_come |= {note.name: note for note in notes}

    def new_version(self, name: str) -> Note:
        """Return a note with other contents and everything else as it was."""
        note = self.expected.notes[name]
        made = random_note(name, self.rng, owner=note.owner)
        return replace(made, visibility=note.visibility)

    def uploads_version(self, name: str) -> None:
        """Upload a new version of a note."""
        note = self.new_version(name)
        self.tell("upload_version", {"note": note})
        self.server.do("upload_version", note=note)
        self.expected.accepted_version(note)

    def deletes(self, names: Sequence[str]) -> None:
        """Delete notes of one organization."""
        self.tell("delete", {"names": names})
        ids = self.ids(names)
        self.server.do("delete", names=names)
        for name, key in ids.items():
            self.expected.removed(name, key)

    def changes_the_indexes(self) -> None:
        """Bring both organizations' indexes further than their snapshots may lag."""
        self.deletes(self.names_of("Acme")[:1])
        self.deletes(self.names_of("Rival")[:1])
        self.uploads(2)
        self.does("work")

    def changes_model(self, organization: str, model: str = OTHER_MODEL) -> None:
        """Have an organization begin to change its embedding model."""
        self.does("change_model", organization=organization, model=model)
        self.expected.changed_model(organization, model)

    def ids(self, names: Sequence[str]) -> dict[str, str]:
        found = self.server.do("document_ids")
        return {name: found[name] for name in names}

    def names_of(self, organization: str) -> list[str]:
        notes = self.expected.notes.values()
        return sorted(note.name for note in notes if note.organization == organization)

    def some_names(self, most: int = 3) -> list[str]:
        """Choose notes of one organization."""
        own = self.names_of(self.rng.choice(("Acme", "Rival"))) or self.names_of("Acme")
        return self.rng.sample(own, self.rng.randint(1, min(most, len(own))))

    def asks(self, operation: str = "ask", **arguments: Any) -> None:
        """Have somebody ask about a note of theirs; they are answered unless the process dies."""
        note = self.expected.notes[self.rng.choice(sorted(self.expected.notes))]
        number = len(self.expected.chats)
        query = f"What does the handbook {note.needle} say about the {note.name} no {number}?"
        chat = Chat(note.owner, query, answered=False)
        self.expected.chats.append(chat)
        self.tell(operation, {"owner": note.owner, "query": query})
        process = self.process()
        try:
            process.do(operation, owner=note.owner, query=query, **arguments)
        except Died:
            self._kills["answer"] += 1
            return
        process.close()
        chat.answered = operation == "ask"

    # --- afterwards -------------------------------------------------------------------------------
    def restarts(self) -> None:
        """Do what a restart does, until nothing waits; the clock goes on by a day a round."""
        if self.rng.random() < 0.3:
            self.does("lose_queue")
        times = self.rng.choice((1, 1, 2))
        worker = self.process()
        if self.rng.random() < 0.2:
            worker.do("bootstrap")
        for _ in range(_ROUNDS):
            worker.do("let_time_pass")
            worker.do("sweep")
            if not worker.do("is_waiting"):
                break
            worker.do("work", times=times)
        worker.do("let_time_pass")
        worker.do("sweep")
        worker.do("work")
        worker.close()
        self.expected.all_has_come()
        self.tell(f"restarted, each task delivered {times} times")

    def checks_before_restart(self) -> None:
        """Check what must hold right after a crash, whatever is still to be put right."""
        fresh = self.process()
        self.expected.settle(fresh.do("digests"))
        found = fresh.do("check_before_restart", expected=self.expected)
        self.report.breaches += [f"before the restart: {breach}" for breach in found]
        fresh.close()

    def checks(self) -> None:
        """Check every invariant, in a process that has just started and in one that was there."""
        fresh = self.process()
        self.report.breaches += fresh.do("check", expected=self.expected)
        fresh.close()
        lived = self.witness.do("check_process", expected=self.expected)
        self.report.breaches += [f"in a process that was there: {breach}" for breach in lived]

    def end(self) -> Report:
        for process in self._processes:
            process.kill()
        self.report.kills = dict(self._kills)
        return self.report


def lead(
    scenario: Callable[[Life], None], rng: Random, installation: Installation, notes: Sequence[Note]
) -> Report:
    """Lead a life to its end, and report how it went."""
    life = Life(rng, installation, notes)
    try:
        scenario(life)
        life.checks_before_restart()
        life.restarts()
        life.checks()
    except (Misbehaved, Survived, Died) as error:
        life.report.breaches.append(f"{type(error).__name__}: {error}")
    return life.end()


def make_beginning(installation: Installation) -> list[Note]:
    """Make what every life begins with: people, some notes that can be searched, a snapshot."""
    rng = Random(0)
    notes = [random_note(f"first-{number}.txt", rng) for number in range(12)]
    process = Process(installation.log)
    process.do("bootstrap")
    process.do("make_cast")
    process.do("upload_all", notes=notes)
    process.do("work")
    process.do("sweep")
    process.do("keep_pictures")
    process.close()
    installation.keep_as_beginning()
    return notes


def _briefly(value: Any) -> str:
    return value.name if isinstance(value, Note) else str(value)
