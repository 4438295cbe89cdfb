"""The members page: an admin keeps the people of one organization, and nobody else does."""

import uuid

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import User
from conftest import PASSWORD

HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def shown(response) -> set[str]:
    return {person.email for person in response.context["people"]}


def test_exactly_the_organizations_people_are_listed(
    page: Client, admin: User, owner: User, colleague: User, outsider: User, outside_admin: User
) -> None:
    assert shown(page.get("/members")) == {admin.email, owner.email, colleague.email}


def test_search_finds_by_name_and_email_inside_the_organization(
    page: Client, admin: User, owner: User, outsider: User
) -> None:
    User.objects.filter(pk=owner.pk).update(name="Ola Nordmann")
    assert shown(page.get("/members?q=nordmann")) == {owner.email}
    assert shown(page.get("/members?q=OWNER@")) == {owner.email}
    assert shown(page.get("/members?q=outsider")) == set()


def test_htmx_gets_the_changing_part_only(page: Client, owner: User) -> None:
    whole = page.get("/members").content.decode()
    part = page.get("/members", headers=HTMX).content.decode()
    assert "<html" in whole
    assert "<html" not in part
    assert owner.email in part


def test_a_person_is_created_and_can_sign_in(page: Client) -> None:
    body = {"email": "new@acme.test", "name": "Nia", "role": "user", "password": PASSWORD}
    assert page.post("/members", body).status_code == 302
    assert Client().login(username="new@acme.test", password=PASSWORD)
    assert PASSWORD not in page.get("/members").content.decode()


def test_a_generated_password_is_shown_once_and_kept_nowhere(page: Client) -> None:
    body = {"email": "new@acme.test", "role": "user"}
    response = page.post("/members", body, headers=HTMX)
    password = response.context["account"].generated_password
    assert password in response.content.decode()
    assert response.headers["Cache-Control"].find("no-store") >= 0
    assert Client().login(username="new@acme.test", password=password)
    assert password not in page.get("/members").content.decode()
    assert all(password not in str(s.get_decoded()) for s in Session.objects.all())
    assert all(password not in cookie.value for cookie in page.cookies.values())


@pytest.mark.parametrize(
    "body",
    [
        {"email": "owner@acme.test", "role": "user"},
        {"email": "outsider@rival.test", "role": "user"},
        {"email": "nonsense", "role": "user"},
        {"email": "new@acme.test", "role": "root"},
        {"email": "new@acme.test", "role": "user", "password": "short"},
    ],
)
def test_a_refused_person_is_explained_in_the_form(
    page: Client, owner: User, outsider: User, body: dict
) -> None:
    before = User.objects.count()
    response = page.post("/members", body, headers=HTMX)
    assert response.status_code == 422
    assert response.content.decode().count('class="errorlist') == 1
    assert User.objects.count() == before


def test_role_and_standing_change_from_the_row(page: Client, owner: User) -> None:
    page.post(f"/members/{owner.pk}/role", {"role": "admin"}, headers=HTMX)
    owner.refresh_from_db()
    assert owner.role == "admin"
    page.post(f"/members/{owner.pk}/deactivate")
    owner.refresh_from_db()
    assert not owner.is_active
    response = page.post(f"/members/{owner.pk}/reactivate", headers=HTMX)
    owner.refresh_from_db()
    assert owner.is_active
    assert "toast" in response["HX-Trigger"]


def test_an_act_leads_back_to_the_same_part_of_the_list(page: Client, owner: User) -> None:
    response = page.post(f"/members/{owner.pk}/deactivate?q=own&page=1&evil=x")
    assert response["Location"] == "/members?q=own&page=1"


def test_a_new_password_replaces_the_old_one(page: Client, owner: User) -> None:
    response = page.post(f"/members/{owner.pk}/password")
    password = response.context["account"].generated_password
    assert not Client().login(username=owner.email, password=PASSWORD)
    assert Client().login(username=owner.email, password=password)


def test_the_last_admin_stays_and_the_page_says_why(page: Client, admin: User) -> None:
    response = page.post(f"/members/{admin.pk}/deactivate", headers=HTMX)
    assert response.status_code == 409
    assert "last active administrator" in response.content.decode()


ACTS = ["role", "deactivate", "reactivate", "password"]


@pytest.mark.parametrize("act", ACTS)
def test_a_person_of_another_organization_does_not_exist(
    page: Client, outsider: User, act: str
) -> None:
    body = {"role": "admin"}
    there = page.post(f"/members/{outsider.pk}/{act}", body, headers=HTMX)
    nowhere = page.post(f"/members/{uuid.uuid4()}/{act}", body, headers=HTMX)
    assert there.status_code == nowhere.status_code == 404
    assert there.content == nowhere.content
    before = outsider.password
    outsider.refresh_from_db()
    assert (outsider.role, outsider.is_active, outsider.password) == ("user", True, before)


@pytest.mark.parametrize("act", ACTS)
def test_ordinary_users_are_refused_before_anything_is_looked_up(
    client: Client, owner: User, colleague: User, act: str
) -> None:
    client.force_login(owner)
    for pk in (colleague.pk, uuid.uuid4(), owner.pk):
        assert client.post(f"/members/{pk}/{act}", {"role": "admin"}).status_code == 403
    assert client.get("/members").status_code == 403
    assert client.post("/members", {"email": "new@acme.test"}).status_code == 403


@pytest.mark.parametrize("act", ACTS)
def test_a_link_changes_nothing(page: Client, owner: User, act: str) -> None:
    assert page.get(f"/members/{owner.pk}/{act}").status_code == 405


def test_a_superuser_cannot_be_taken_over(page: Client, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_superuser=True)
    for act in ("password", "deactivate", "role"):
        assert page.post(f"/members/{owner.pk}/{act}", {"role": "admin"}).status_code == 403
    assert Client().login(username=owner.email, password=PASSWORD)
