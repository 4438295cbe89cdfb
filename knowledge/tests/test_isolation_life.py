"""Whatever happens to people, teams, sharing and organizations, each person sees exactly theirs."""

import csv
import io
import itertools
import json
import os
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run

from accounts import audit, services
from accounts.audit.verification import verify
from accounts.models import AuditEvent, Organization, Team, User
from documents.models import Document
from documents.readers import explain
from documents.services import delete_documents, share_document
from rag.models import UsageRecord
from rag.services.organization_removal import leftovers, remove_organization
from rag.services.turns import message_sources, run_turn, start_turn
from rag.tests.library import publish_texts, uploaded

pytestmark = pytest.mark.django_db

QUESTION = "word alpha"
WAYS = (
    *("/documents/{}", "/documents/{}/pages/1", "/documents/{}/pages/1?view=text"),
    *("/documents/{}/passages", "/documents/{}/file"),
    *("/api/documents/{}", "/api/documents/{}/pages/1", "/api/documents/{}/file"),
)
PICTURES = ("/documents/{}/pages/1/image", "/api/documents/{}/pages/1/image")
LISTS = ("/documents/", "/api/documents", "/api/usage", "/audit/", "/unanswered/")
EXPORTS = ("/usage/export", "/audit/export", "/api/audit/export", "/unanswered/export")
_serial = itertools.count()


@dataclass
class Home:
    """An organization as the plain model knows it."""

    row: Organization
    suspended: bool = False


@dataclass(eq=False)
class Person:
    """Somebody as the plain model knows them."""

    key: Any
    home: Home
    is_admin: bool
    active: bool = True
    teams: set[Any] = field(default_factory=set)
    asked_in_vain: set[str] = field(default_factory=set)

    @property
    def is_let_in(self) -> bool:
        return self.active and not self.home.suspended


@dataclass(eq=False)
class Paper:
    """A document as the plain model knows it."""

    key: Any
    owner: Person
    visibility: str = "private"
    teams: set[Any] = field(default_factory=set)

    def is_read_by(self, person: Person) -> bool:
        if not person.is_let_in or person.home is not self.owner.home:
            return False
        if person.is_admin or person is self.owner or self.visibility == "organization":
            return True
        return self.visibility == "teams" and bool(self.teams & person.teams)


class Isolation(RuleBasedStateMachine):
    """Two organizations of an administrator and two users each."""

    @initialize()
    def begin(self) -> None:
        serial = next(_serial)
        self.looked = 0
        self.people: list[Person] = []
        self.papers: list[Paper] = []
        self.teams: dict[Any, Home] = {}
        self.removed: list[Any] = []
        self.homes = []
        for name in ("acme", "rival"):
            home = Home(Organization.objects.create(name=f"{name} {serial}"))
            self.homes.append(home)
            audit.record(action="organization.created", organization=home.row, target=home.row)
            for who in ("admin", "ben", "cara"):
                user = User.objects.create_user(
                    f"{who}@{name}{serial}.test",
                    organization=home.row,
                    role="admin" if who == "admin" else "user",
                )
                self.people.append(Person(user.pk, home, who == "admin"))
            for team in ("x", "y"):
                self.teams[Team.objects.create(name=team, organization=home.row).pk] = home
            self.publish(self.people[-1])

    def user(self, person: Person) -> User:
        return User.objects.select_related("organization").get(pk=person.key)

    def admins_of(self, home: Home) -> list[Person]:
        return [p for p in self.people if p.home is home and p.is_admin and p.active]

    def admin_of(self, home: Home) -> User:
        return self.user(self.admins_of(home)[0])

    def publish(self, owner: Person) -> None:
        number = next(_serial)
        document = uploaded(self.user(owner), filename=f"d{number}.txt")
        default_storage.save(str(document.file.name), ContentFile(b"text"))
        publish_texts(document, f"word alpha number{number} " + f"only{number} " * 5)
        self.papers.append(Paper(document.pk, owner))

    # --- what happens ---------------------------------------------------------------------------

    @rule(choice=st.randoms(use_true_random=False))
    def upload(self, choice: random.Random) -> None:
        owners = [person for person in self.people if person.is_let_in]
        if owners and len(self.papers) < 7:
            self.publish(choice.choice(owners))

    @rule(
        choice=st.randoms(use_true_random=False),
        visibility=st.sampled_from(["private", "teams", "organization"]),
    )
    def share(self, choice: random.Random, visibility: str) -> None:
        papers = [paper for paper in self.papers if not paper.owner.home.suspended]
        if not papers:
            return
        paper = choice.choice(papers)
        theirs = [key for key, home in self.teams.items() if home is paper.owner.home]
        if visibility == "teams" and not theirs:
            return
        shared = visibility == "teams"
        teams = choice.sample(theirs, choice.randint(1, len(theirs))) if shared else []
        share_document(
            document=Document.objects.get(pk=paper.key),
            actor=self.admin_of(paper.owner.home),
            visibility=visibility,
            teams=Team.objects.filter(pk__in=teams),
        )
        paper.visibility, paper.teams = visibility, set(teams)

    @rule(choice=st.randoms(use_true_random=False), joins=st.booleans())
    def move(self, choice: random.Random, joins: bool) -> None:
        person = choice.choice(self.people)
        theirs = [key for key, home in self.teams.items() if home is person.home]
        if not theirs or person.home.suspended:
            return
        key = choice.choice(theirs)
        if joins == (key in person.teams):
            return
        act = services.add_member if joins else services.remove_member
        act(
            team=Team.objects.get(pk=key),
            user=self.user(person),
            actor=self.admin_of(person.home),
        )
        (person.teams.add if joins else person.teams.discard)(key)

    @rule(choice=st.randoms(use_true_random=False))
    def delete_a_team(self, choice: random.Random) -> None:
        theirs = [key for key, home in self.teams.items() if not home.suspended]
        if not theirs:
            return
        key = choice.choice(theirs)
        services.delete_team(team=Team.objects.get(pk=key), actor=self.admin_of(self.teams[key]))
        del self.teams[key]
        for holder in (*self.people, *self.papers):
            holder.teams.discard(key)

    @rule(choice=st.randoms(use_true_random=False))
    def switch_a_person(self, choice: random.Random) -> None:
        person = choice.choice(self.people)
        if person.home.suspended or self.admins_of(person.home) == [person]:
            return
        act = services.deactivate_user if person.active else services.reactivate_user
        act(user=self.user(person), actor=self.admin_of(person.home))
        person.active = not person.active

    @rule(choice=st.randoms(use_true_random=False))
    def change_a_role(self, choice: random.Random) -> None:
        person = choice.choice(self.people)
        if person.home.suspended or self.admins_of(person.home) == [person]:
            return
        services.change_role(
            user=self.user(person),
            actor=self.admin_of(person.home),
            role="user" if person.is_admin else "admin",
        )
        person.is_admin = not person.is_admin

    @rule(choice=st.randoms(use_true_random=False))
    def ask_in_vain(self, choice: random.Random) -> None:
        people = [person for person in self.people if person.is_let_in]
        if people:
            person = choice.choice(people)
            word = f"zebra{next(_serial)}"
            answer = start_turn(user=self.user(person), query=f"{word}?")
            assert not run_turn(user=self.user(person), message_id=answer.pk).grounded
            person.asked_in_vain.add(f"{word}?")

    @rule(choice=st.randoms(use_true_random=False))
    def delete_a_document(self, choice: random.Random) -> None:
        papers = [paper for paper in self.papers if not paper.owner.home.suspended]
        if papers:
            paper = choice.choice(papers)
            admin = self.admin_of(paper.owner.home)
            delete_documents(documents=Document.objects.filter(pk=paper.key), actor=admin)
            self.papers.remove(paper)

    @rule(which=st.integers(0, 1))
    def suspend_or_reinstate(self, which: int) -> None:
        home = self.homes[which % len(self.homes)]
        act = services.reinstate_organization if home.suspended else services.suspend_organization
        act(organization=home.row)
        home.suspended = not home.suspended

    @rule(chance=st.integers(0, 3))
    def delete_an_organization(self, chance: int) -> None:
        if chance or len(self.homes) < 2:
            return
        home = self.homes.pop()
        services.request_removal(organization=home.row, ring=False)
        remove_organization(organization_id=home.row.pk)
        self.removed.append(home.row.pk)
        self.people = [person for person in self.people if person.home is not home]
        self.papers = [paper for paper in self.papers if paper.owner.home is not home]
        self.teams = {key: owner for key, owner in self.teams.items() if owner is not home}

    # --- what must be true ----------------------------------------------------------------------

    @invariant()
    def one_person_sees_exactly_theirs(self) -> None:
        self.looked += 1
        person = self.people[self.looked % len(self.people)]
        user = self.user(person)
        papers = {paper.key for paper in self.papers if paper.is_read_by(person)}
        assert set(Document.objects.visible_to(user).values_list("pk", flat=True)) == papers
        every = {document.pk: document for document in Document.objects.all()}
        assert {k for k, d in every.items() if explain(d, user).is_visible} == papers
        client = Client()
        client.force_login(user)
        if person.is_let_in:
            self.every_way_shows(client, person, {str(key) for key in papers})
        else:
            for address in (
                *LISTS,
                *EXPORTS,
                *(way.format(p.key) for p in self.papers for way in WAYS),
            ):
                refused = client.get(address)
                assert refused.status_code in (401, 403) or "/login" in refused["Location"]

    def every_way_shows(self, client: Client, person: Person, papers: set[str]) -> None:
        def post(address: str, **body: Any) -> Any:
            answer = client.post(address, json.dumps(body), content_type="application/json")
            assert answer.status_code == 200, answer.content
            return answer.json()

        listed = client.get("/api/documents?page_size=200").json()
        assert {row["id"] for row in listed["results"]} == papers
        found = post("/api/retrieval", query=QUESTION, top_k=50)["results"]
        assert {row["document_id"] for row in found} == papers
        for paper in self.papers:
            code = 200 if str(paper.key) in papers else 404
            for way in WAYS:
                address = way.format(paper.key)
                assert client.get(address).status_code == code, address
            for way in PICTURES:  # of a text there is none, which is told to its readers alone
                address = way.format(paper.key)
                assert client.get(address).status_code == (422 if code == 200 else 404), address
        user = self.user(person)
        answer = start_turn(user=user, query=QUESTION)
        run_turn(user=user, message_id=answer.pk, top_k=50)
        sources = message_sources(message=answer, user=user)
        assert {str(source.document_id) for source in sources} == papers
        if not papers:
            person.asked_in_vain.add(QUESTION)
        self.usage_and_audit_are_theirs(client, person)

    def usage_and_audit_are_theirs(self, client: Client, person: Person) -> None:
        payers = set(UsageRecord.objects.values_list("user_id", flat=True))
        told = {row["user_id"] for row in client.get("/api/usage").json()["results"]}
        mine = {p for p in self.people if p.home is person.home} if person.is_admin else {person}
        assert told == {str(p.key) for p in mine if p.key in payers}
        emails = set(User.objects.filter(pk__in=[p.key for p in mine]).values_list("email"))
        exported = {(row["user"],) for row in _rows(client.get("/usage/export"))}
        assert exported == {email for email in emails if self.paid(email[0])}
        addresses = ("/api/audit?page_size=200", "/api/audit/export", *EXPORTS[1:])
        if not person.is_admin:
            assert {client.get(address).status_code for address in addresses} == {403}
            return
        self.trail_is_theirs(client, person.home)
        asked = {q for p in self.people if p.home is person.home for q in p.asked_in_vain}
        assert {row["question"] for row in _rows(client.get("/unanswered/export"))} == asked

    def paid(self, email: str) -> bool:
        return UsageRecord.objects.filter(user__email=email).exists()

    def trail_is_theirs(self, client: Client, home: Home) -> None:
        theirs = AuditEvent.objects.of_chain(home.row.pk).exclude(action__endswith=".exported")
        hashes = set(theirs.values_list("hash", flat=True))
        listed = client.get("/api/audit?page_size=200").json()
        assert listed["count"] == AuditEvent.objects.of_chain(home.row.pk).count()
        out = [json.loads(line) for line in _text(client.get("/api/audit/export")).splitlines()]
        assert {event["organization_id"] for event in out} == {str(home.row.pk)}
        for rows in (out, _rows(client.get("/audit/export?type=csv"))):
            told = {row["hash"] for row in rows if not row["action"].endswith(".exported")}
            assert told == hashes

    def teardown(self) -> None:
        for key in self.removed:
            assert not any(leftovers(key).values())
            assert verify(key).is_whole
        for home in getattr(self, "homes", ()):
            assert verify(home.row.pk).is_whole


def _text(response: Any) -> str:
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode()


def _rows(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_text(response), newline="")))


def test_each_person_sees_exactly_theirs_on_every_way(settings, tmp_path) -> None:
    settings.MEDIA_ROOT, settings.VECTOR_STORE_DIR = tmp_path / "media", tmp_path / "vectors"
    run(Isolation, settings=_bounds())


def _bounds() -> Any:
    return settings(
        max_examples=int(os.environ.get("ISOLATION_EXAMPLES", "4")),
        stateful_step_count=int(os.environ.get("ISOLATION_STEPS", "10")),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
