"""Whatever happens to documents, two processes find exactly what each person may read."""

import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings as product
from django.core.files.storage import default_storage
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.models import Organization, Team, User
from documents.models import Document, DocumentChunk
from rag import reembedding
from rag.tests.two_processes.actions import EVERYWHERE
from rag.tests.two_processes.processes import OtherProcess, Process, ThisProcess

pytestmark = pytest.mark.django_db(transaction=True)

MOST_DOCUMENTS = 8
_serial = itertools.count()


@dataclass
class Person:
    """Somebody, as the rule of permission sees them."""

    key: str
    organization: str
    is_admin: bool
    teams: set[str] = field(default_factory=set)


@dataclass
class Paper:
    """A document, as the rule of permission sees it."""

    key: str
    owner: Person
    visibility: str
    teams: set[str]
    status: str = "uploaded"
    abandoned: int = 0
    has_next: bool = False
    chunks: set[int] = field(default_factory=set)

    def is_read_by(self, person: Person) -> bool:
        if person.organization != self.owner.organization:
            return False
        if person.is_admin or person is self.owner or self.visibility == "organization":
            return True
        return self.visibility == "teams" and bool(self.teams & person.teams)


class IndexLife(RuleBasedStateMachine):
    """Three people of one organization, one of another, and all that can happen to a document."""

    processes: tuple[Process, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.papers: dict[str, Paper] = {}
        self.numbers = itertools.count()

    @initialize()
    def people_and_teams(self) -> None:
        serial = next(_serial)
        self.organizations = [Organization.objects.create(name=f"{n} {serial}") for n in "AB"]
        self.people = [
            self._person(self.organizations[0], "owner", serial),
            self._person(self.organizations[0], "colleague", serial),
            self._person(self.organizations[0], "admin", serial),
            self._person(self.organizations[1], "outsider", serial),
        ]
        ours = [Team.objects.create(name=n, organization=self.organizations[0]) for n in "XY"]
        self.teams = [str(team.pk) for team in ours]

    @staticmethod
    def _person(organization: Organization, name: str, serial: int) -> Person:
        role = "admin" if name == "admin" else "user"
        user = User.objects.create_user(
            f"{name}{serial}@life.test", "x", organization=organization, role=role
        )
        return Person(str(user.pk), str(organization.pk), role == "admin")

    # --- what happens ---------------------------------------------------------------------------

    @precondition(lambda self: len(self.papers) < MOST_DOCUMENTS)
    @rule(by=st.integers(0, 1), who=st.integers(0, 3), paragraphs=st.integers(1, 3))
    def upload(self, by: int, who: int, paragraphs: int) -> None:
        owner = self.people[who]
        key = self.processes[by].do(
            "upload", owner=owner.key, text=self._text(paragraphs), visibility="private", teams=[]
        )
        self.papers[key] = Paper(key, owner, "private", set())

    def _text(self, paragraphs: int) -> str:
        """Return paragraphs of about 450 characters, each a chunk and of words of its own."""
        made = []
        for _ in range(paragraphs):
            number = next(self.numbers)
            words = " ".join(f"word{number}x{i}" for i in range(40))
            made.append(f"{EVERYWHERE} {words}.")
        return "\n\n".join(made)

    @rule(by=st.integers(0, 1))
    def ingest(self, by: int) -> None:
        self.processes[by].do("ingest")
        for paper in self.papers.values():
            if paper.status == "uploaded" or paper.has_next:
                earlier = paper.chunks
                paper.status, paper.has_next = "completed", False
                rows = DocumentChunk.objects.filter(document_id=paper.key)
                paper.chunks = set(rows.values_list("pk", flat=True))
                assert paper.chunks
                assert not paper.chunks & earlier
        assert not Document.objects.filter(status__in=["uploaded", "processing"]).exists()

    @precondition(lambda self: self.papers)
    @rule(
        by=st.integers(0, 1),
        choice=st.randoms(use_true_random=False),
        paragraphs=st.integers(1, 3),
    )
    def upload_next_version(self, by: int, choice: random.Random, paragraphs: int) -> None:
        paper = choice.choice(list(self.papers.values()))
        self.processes[by].do(
            "upload_next",
            document=paper.key,
            actor=paper.owner.key,
            text=self._text(paragraphs),
        )
        paper.has_next = True

    @rule(by=st.integers(0, 1), choice=st.randoms(use_true_random=False))
    def fail_or_abandon(self, by: int, choice: random.Random) -> None:
        waiting = [paper for paper in self.papers.values() if paper.status == "uploaded"]
        if not waiting:
            return
        paper = choice.choice(waiting)
        if choice.random() < 0.5 and paper.abandoned < product.INGEST_MAX_ATTEMPTS - 1:
            self.processes[by].do("abandon", document=paper.key)
            paper.abandoned += 1
        else:
            self.processes[by].do("fail", document=paper.key)
            paper.status = "failed"

    @rule(by=st.integers(0, 1))
    def retry(self, by: int) -> None:
        for paper in self.papers.values():
            if paper.status == "failed":
                self.processes[by].do("retry", document=paper.key, actor=paper.owner.key)
                paper.status, paper.abandoned = "uploaded", 0

    @precondition(lambda self: self.papers)
    @rule(by=st.integers(0, 1), choice=st.randoms(use_true_random=False))
    def delete(self, by: int, choice: random.Random) -> None:
        ours = [key for key, paper in self.papers.items() if paper.owner is not self.people[3]]
        chosen = choice.sample(ours, min(len(ours), choice.randint(1, 3)))
        count = self.processes[by].do("delete", documents=chosen, actor=self.people[2].key)
        assert count == len(chosen)
        for key in chosen:
            del self.papers[key]

    @precondition(lambda self: self.papers)
    @rule(
        by=st.integers(0, 1),
        choice=st.randoms(use_true_random=False),
        visibility=st.sampled_from(["private", "teams", "organization"]),
    )
    def share(self, by: int, choice: random.Random, visibility: str) -> None:
        ours = [paper for paper in self.papers.values() if paper.owner is not self.people[3]]
        if not ours:
            return
        paper = choice.choice(ours)
        teams = choice.sample(self.teams, choice.randint(1, 2)) if visibility == "teams" else []
        self.processes[by].do(
            "share",
            document=paper.key,
            actor=self.people[2].key,
            visibility=visibility,
            teams=teams,
        )
        paper.visibility, paper.teams = visibility, set(teams)

    @rule(by=st.integers(0, 1), who=st.integers(0, 1), team=st.integers(0, 1), joins=st.booleans())
    def change_membership(self, by: int, who: int, team: int, joins: bool) -> None:
        person, key = self.people[who], self.teams[team]
        self.processes[by].do("join" if joins else "leave", user=person.key, team=key)
        (person.teams.add if joins else person.teams.discard)(key)

    @rule(by=st.integers(0, 1))
    def restart(self, by: int) -> None:
        self.processes[by].do("restart")

    @rule(by=st.integers(0, 1), which=st.integers(0, 1))
    def rebuild(self, by: int, which: int) -> None:
        self.processes[by].do("rebuild", organization=str(self.organizations[which].pk))

    @rule(by=st.integers(0, 1), batches=st.sampled_from([1, 2, None]))
    def change_the_model(self, by: int, batches: int | None) -> None:
        key = str(self.organizations[0].pk)
        self.processes[by].do("change_model", organization=key, batches=batches)

    @rule(by=st.integers(0, 1))
    def give_the_change_up(self, by: int) -> None:
        self.processes[by].do("cancel_change", organization=str(self.organizations[0].pk))

    @rule(by=st.integers(0, 1), choice=st.randoms(use_true_random=False))
    def damage_a_snapshot_and_restart(self, by: int, choice: random.Random) -> None:
        folder = Path(product.VECTOR_STORE_DIR) / str(self.organizations[0].pk)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if files:
            _damage(choice.choice(files), choice)
        self.processes[by].do("restart")

    @rule(
        by=st.integers(0, 1),
        kind=st.sampled_from(["lose vectors", "poison vectors", "lose words", "forget a change"]),
    )
    def spoil_and_repair(self, by: int, kind: str) -> None:
        key = str(self.organizations[0].pk)
        assert self.processes[by].do("spoil_and_repair", organization=key, kind=kind)

    # --- what must be true ----------------------------------------------------------------------

    @invariant()
    def each_person_finds_exactly_what_they_may_read(self) -> None:
        for number, process in enumerate(self.processes):
            person = self.people[(next(self.numbers) + number) % len(self.people)]
            expected = set().union(
                *(
                    paper.chunks
                    for paper in self.papers.values()
                    if paper.status == "completed" and paper.is_read_by(person)
                )
            )
            found = process.do("search", user=person.key, query="word3x4 word5x6")
            assert set(found["vector"]) == expected
            assert set(found["lexical"]) == expected
            assert set(found["retrieved"]) <= expected
            assert bool(found["retrieved"]) == bool(expected)
            for way in ("vector", "lexical", "retrieved"):
                assert len(found[way]) == len(set(found[way]))
            assert found["nearest"] == pytest.approx(found["exact"], abs=2e-4)

    @invariant()
    def files_and_rows_belong_together(self) -> None:
        rows = Document.objects.filter(organization__in=self.organizations)
        mine = rows.without_drafts()
        assert {str(key) for key in mine.values_list("pk", flat=True)} == set(self.papers)
        files = set(rows.values_list("file", flat=True))
        files |= set(rows.exclude(versions=None).values_list("versions__file", flat=True))
        assert all(default_storage.exists(name) for name in files)
        assert rows.count() - mine.count() == sum(p.has_next for p in self.papers.values())


def _damage(path: Path, choice: random.Random) -> None:
    """Remove, empty, cut or alter a file."""
    data = path.read_bytes()
    kind = choice.choice(["remove", "empty", "cut", "flip"])
    if kind == "remove" or not data:
        path.unlink()
        return
    at = choice.randrange(len(data))
    flipped = data[:at] + bytes([data[at] ^ (1 << choice.randrange(8))]) + data[at + 1 :]
    # A process that has the file mapped keeps what it mapped: it is replaced, as a restore does.
    beside = path.with_suffix(".damaged")
    beside.write_bytes({"empty": b"", "cut": data[:at], "flip": flipped}[kind])
    beside.replace(path)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch) -> None:
    monkeypatch.setattr(reembedding, "BATCH_SIZE", 2)


@pytest.fixture
def processes() -> Iterator[tuple[Process, ...]]:
    with OtherProcess() as other:
        yield ThisProcess(), other


def test_two_processes_find_exactly_what_each_person_may_read(processes):
    IndexLife.processes = processes
    run_state_machine_as_test(
        IndexLife,
        settings=settings(
            max_examples=int(os.environ.get("LIFE_EXAMPLES", "8")),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
