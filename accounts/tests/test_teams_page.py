"""The teams page: an admin says who shares with whom, inside one organization."""

import uuid

import pytest
from django.test import Client

from accounts.models import Membership, Team, User

HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def other_team(other_organization) -> Team:
    return Team.objects.create(name="Secret", organization=other_organization)


def test_exactly_the_organizations_teams_and_people_are_shown(
    page: Client, team: Team, other_team: Team, owner: User, teammate: User, outsider: User
) -> None:
    response = page.get("/teams")
    assert {shown.name for shown in response.context["teams"]} == {"Finance"}
    content = response.content.decode()
    assert teammate.email in content
    for secret in ("Secret", outsider.email, "Rival"):
        assert secret not in content


def test_a_team_is_created_renamed_and_deleted(page: Client, organization) -> None:
    assert page.post("/teams", {"name": " Legal "}).status_code == 302
    team = Team.objects.get(name="Legal")
    assert team.organization == organization
    assert (
        "toast"
        in page.post(f"/teams/{team.pk}/rename", {"name": "Law"}, headers=HTMX).headers[
            "HX-Trigger"
        ]
    )
    team.refresh_from_db()
    assert team.name == "Law"
    page.post(f"/teams/{team.pk}/delete")
    assert not Team.objects.exists()


@pytest.mark.parametrize("name", ["", "  ", "finance", "x" * 101])
def test_a_name_that_cannot_be_is_explained(page: Client, team: Team, name: str) -> None:
    response = page.post("/teams", {"name": name}, headers=HTMX)
    assert response.status_code == 422
    assert "errorlist" in response.content.decode()
    assert Team.objects.count() == 1


def test_two_organizations_may_have_a_team_of_one_name(page: Client, other_team: Team) -> None:
    page.post("/teams", {"name": other_team.name})
    assert Team.objects.filter(name=other_team.name).count() == 2


def test_people_come_and_go(page: Client, team: Team, owner: User) -> None:
    page.post(f"/teams/{team.pk}/members", {"email": owner.email.upper()}, headers=HTMX)
    assert set(team.members.all()) == {owner}
    page.post(f"/teams/{team.pk}/members/{owner.pk}/remove", headers=HTMX)
    assert set(team.members.all()) == set()


def test_somebody_of_another_organization_cannot_be_told_from_nobody(
    page: Client, team: Team, outsider: User
) -> None:
    answers = [
        page.post(f"/teams/{team.pk}/members", {"email": email}, headers=HTMX)
        for email in (outsider.email, "nobody@rival.test")
    ]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].content == answers[1].content
    assert not Membership.objects.exists()


def test_a_team_of_another_organization_does_not_exist(
    page: Client, other_team: Team, owner: User, outsider: User
) -> None:
    Membership.objects.create(team=other_team, user=outsider)
    for tail, body in [
        ("rename", {"name": "Mine"}),
        ("delete", {}),
        ("members", {"email": owner.email}),
        (f"members/{outsider.pk}/remove", {}),
    ]:
        there = page.post(f"/teams/{other_team.pk}/{tail}", body, headers=HTMX)
        nowhere = page.post(f"/teams/{uuid.uuid4()}/{tail}", body, headers=HTMX)
        assert (there.status_code, there.content) == (404, nowhere.content)
    other_team.refresh_from_db()
    assert other_team.name == "Secret"
    assert set(other_team.members.all()) == {outsider}


def test_ordinary_users_are_refused(client: Client, team: Team, teammate: User) -> None:
    client.force_login(teammate)
    assert client.get("/teams").status_code == 403
    assert client.post("/teams", {"name": "New"}).status_code == 403
    for tail in ("rename", "delete", "members", f"members/{teammate.pk}/remove"):
        assert client.post(f"/teams/{team.pk}/{tail}").status_code == 403
    assert set(team.members.all()) == {teammate}
