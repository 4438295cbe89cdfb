"""What each person finds, on every way in, is exactly what a plain model of the rule says."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.models import Membership, Organization, Team, User
from documents.models import Document, DocumentChunk, Page
from documents.readers import explain, readers_of

pytestmark = pytest.mark.django_db

PEOPLE = {  # name -> (organization, role)
    "anna": ("acme", "user"),
    "ben": ("acme", "user"),
    "cara": ("acme", "user"),
    "acme-admin": ("acme", "admin"),
    "rita": ("rival", "user"),
    "rival-admin": ("rival", "admin"),
}
TEAMS = {"finance": "acme", "legal": "acme", "spies": "rival"}


@dataclass(frozen=True)
class Plan:
    """A document as the plain model knows it."""

    owner: str
    visibility: str
    teams: frozenset[str] = field(default_factory=frozenset)

    def is_seen_by(self, name: str, members: dict[str, frozenset[str]]) -> bool:
        organization, role = PEOPLE[name]
        if PEOPLE[self.owner][0] != organization:
            return False
        if role == "admin" or name == self.owner or self.visibility == "organization":
            return True
        return self.visibility == "teams" and any(name in members[t] for t in self.teams)

    def is_changed_by(self, name: str) -> bool:
        organization, role = PEOPLE[name]
        return name == self.owner or (role == "admin" and PEOPLE[self.owner][0] == organization)


people = st.sampled_from(sorted(PEOPLE))
members_of_teams = st.fixed_dictionaries(
    {
        team: st.frozensets(st.sampled_from([p for p, (o, _) in PEOPLE.items() if o == home]))
        for team, home in TEAMS.items()
    }
)


@st.composite
def plans(draw: Any) -> Plan:
    owner = draw(people)
    home = PEOPLE[owner][0]
    visibility = draw(st.sampled_from(["private", "teams", "organization"]))
    # Teams may be left on a document that is no longer shared with teams: they must not count.
    teams = draw(st.frozensets(st.sampled_from([t for t, o in TEAMS.items() if o == home])))
    return Plan(owner, visibility, teams)


@pytest.fixture
def cast(db):
    organizations = {n: Organization.objects.create(name=n) for n in ("acme", "rival")}
    users = {
        name: User.objects.create_user(
            f"{name}@test.example", organization=organizations[organization], role=role
        )
        for name, (organization, role) in PEOPLE.items()
    }
    teams = {
        name: Team.objects.create(name=name, organization=organizations[home])
        for name, home in TEAMS.items()
    }
    return users, teams


def build(planned, members, users, teams):
    Document.objects.all().delete()
    Membership.objects.all().delete()
    for team, names in members.items():
        for name in names:
            Membership.objects.create(team=teams[team], user=users[name])
    made = []
    for number, plan in enumerate(planned):
        document = Document.objects.create(
            organization=users[plan.owner].organization,
            uploaded_by=users[plan.owner],
            filename=f"{number}.txt",
            extension="txt",
            content_type="text/plain",
            size=4,
            sha256="0" * 64,
            file="shared.txt",
            status="completed",
            page_count=1,
            chunk_count=1,
            visibility=plan.visibility,
        )
        document.teams.set(teams[t] for t in plan.teams)
        document.pages.create(number=1, text=f"secret {number}")
        document.chunks.create(chunk_index=0, page=1, start=0, end=8, text=f"secret {number}")
        made.append(document)
    return made


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(planned=st.lists(plans(), min_size=1, max_size=4), members=members_of_teams)
def test_every_way_in_shows_exactly_what_the_rule_says(cast, media, planned, members):
    users, teams = cast
    if not default_storage.exists("shared.txt"):
        default_storage.save("shared.txt", ContentFile(b"text"))
    documents = build(planned, members, users, teams)

    for name, user in users.items():
        seen = {d for d, p in zip(documents, planned, strict=True) if p.is_seen_by(name, members)}
        changed = {d for d, p in zip(documents, planned, strict=True) if p.is_changed_by(name)}
        keys = {str(d.pk) for d in seen}
        api, page = APIClient(), Client()
        api.force_authenticate(user)
        page.force_login(user)

        assert set(Document.objects.visible_to(user)) == seen
        assert set(Document.objects.editable_by(user)) == changed
        admin = PEOPLE[name][1] == "admin"
        assert set(Document.objects.deletable_by(user)) == (seen if admin else set())
        assert {p.document for p in Page.objects.visible_to(user)} == seen
        assert {c.document for c in DocumentChunk.objects.visible_to(user)} == seen
        assert {d for d in documents if explain(d, user).is_visible} == seen
        listed_as_reader = {
            d for d in documents if user in {r.person for r in readers_of(d).people}
        }
        assert listed_as_reader == seen

        listed = api.get("/api/documents").json()
        assert {row["id"] for row in listed["results"]} == keys
        assert listed["count"] == len(keys)
        shown = page.get("/documents/").content.decode()
        assert {str(d.pk) for d in documents if str(d.pk) in shown} == keys
        asked = "&".join(f"id={d.pk}" for d in documents)
        states = page.get(f"/documents/status?{asked}").content.decode()
        assert {str(d.pk) for d in documents if str(d.pk) in states} == keys

        for document in documents:
            code = 200 if document in seen else 404
            for client, path in itertools.chain(
                ((api, f"/api/documents/{document.pk}{end}") for end in ("", "/pages/1", "/file")),
                (
                    (page, f"/documents/{document.pk}{end}")
                    for end in ("", "/pages/1", "/passages", "/file")
                ),
            ):
                assert client.get(path).status_code == code, (name, path)


def test_an_inactive_person_and_one_without_organization_find_nothing(upload, owner, admin):
    upload(visibility="organization")
    for user in (owner, admin):
        user.is_active = False
        assert not Document.objects.visible_to(user).exists()
        assert not Document.objects.deletable_by(user).exists()
    operator = User.objects.create_superuser("root@platform.test", "correct-horse-battery")
    assert not Document.objects.visible_to(operator).exists()


def test_chunks_of_a_document_that_is_not_ready_are_not_found(completed, owner):
    document = completed()
    for status in ("uploaded", "processing", "failed"):
        Document.objects.filter(pk=document.pk).update(status=status)
        assert not DocumentChunk.objects.visible_to(owner).exists()


# --- 401, 403, 404 ------------------------------------------------------------------------------

WAYS = [
    ("get", ""),
    ("get", "/file"),
    ("get", "/pages/1"),
    ("patch", ""),
    ("post", "/retry"),
    ("delete", ""),
]
EXPECTED = {  # in the order of WAYS, for a document that has failed
    ("private", "nobody"): [401] * 6,
    ("private", "outsider"): [404] * 6,
    ("private", "outside_admin"): [404] * 6,
    ("private", "colleague"): [404] * 6,
    ("private", "owner"): [200, 200, 404, 200, 202, 403],
    ("private", "admin"): [200, 200, 404, 200, 202, 204],
    ("organization", "nobody"): [401] * 6,
    ("organization", "outsider"): [404] * 6,
    ("organization", "outside_admin"): [404] * 6,
    ("organization", "colleague"): [200, 200, 404, 403, 403, 403],
    ("organization", "owner"): [200, 200, 404, 200, 202, 403],
    ("organization", "admin"): [200, 200, 404, 200, 202, 204],
}


@pytest.mark.parametrize(("visibility", "who"), EXPECTED)
def test_the_api_answers_each_role_as_the_contract_says(request, api_as, failed, visibility, who):
    document = failed(visibility=visibility)
    client = api_as(None if who == "nobody" else request.getfixturevalue(who))
    answers = [
        getattr(client, method)(f"/api/documents/{document.pk}{end}") for method, end in WAYS
    ]
    assert [answer.status_code for answer in answers] == EXPECTED[visibility, who]


def test_a_hidden_document_answers_like_one_that_does_not_exist(api_as, page_as, failed, outsider):
    hidden = failed()
    key = str(hidden.pk)
    hidden_key_replaced = key.replace(key[0], "0" if key[0] != "0" else "1", 1)
    for method, end in WAYS:
        bodies = {
            getattr(api_as(outsider), method)(f"/api/documents/{k}{end}").content
            for k in (key, hidden_key_replaced)
        }
        assert len(bodies) == 1
        assert b"not_found" in bodies.pop()
    client = page_as(outsider)
    for end in ("", "/pages/1", "/passages", "/file", "/delete"):
        answers = [client.get(f"/documents/{k}{end}") for k in (key, hidden_key_replaced)]
        assert [a.status_code for a in answers] == [404, 404]
        bodies = [
            a.content.decode().replace(k, "KEY")
            for a, k in zip(answers, (key, hidden_key_replaced), strict=True)
        ]
        assert "travel.txt" not in bodies[0]


def test_pages_send_whoever_is_not_signed_in_to_the_login(client, upload):
    document = upload(visibility="organization")
    for path in ("", "upload", "status", f"{document.pk}", f"{document.pk}/file"):
        answer = client.get(f"/documents/{path}")
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/login")
    answer = client.get("/documents/status", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"].startswith("/login")
