"""Scripts of admins create, list and change the people of their organization, and no others."""

import uuid

import pytest
from django.test import Client

from accounts.models import AuditEvent, User
from conftest import PASSWORD


def test_an_admin_lists_exactly_the_people_of_the_organization(
    as_user, admin: User, owner: User, colleague: User, outsider: User, outside_admin: User
) -> None:
    answer = as_user(admin).get("/api/users").json()
    assert set(answer) == {"count", "next", "previous", "results"}
    assert answer["count"] == 3
    assert {person["email"] for person in answer["results"]} == {
        admin.email,
        owner.email,
        colleague.email,
    }
    assert set(answer["results"][0]) == {
        *("id", "email", "name", "role", "is_active", "organization", "date_joined")
    }


def test_everything_about_people_is_closed_to_ordinary_users(
    as_user, owner: User, colleague: User
) -> None:
    client = as_user(owner)
    body = {"email": "new@acme.test"}
    answers = [
        client.get("/api/users"),
        client.post("/api/users", body, content_type="application/json"),
        client.get(f"/api/users/{colleague.pk}"),
        client.patch(f"/api/users/{colleague.pk}", {}, content_type="application/json"),
        client.patch(f"/api/users/{uuid.uuid4()}", {}, content_type="application/json"),
        client.get("/api/audit"),
    ]
    assert [answer.status_code for answer in answers] == [403] * 6
    assert {answer.json()["error"]["code"] for answer in answers} == {"permission_denied"}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("path", ["/api/users", "/api/teams", "/api/audit"])
def test_nobody_is_401(db: None, path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "not_authenticated"


def test_an_admin_creates_a_person_who_can_sign_in(as_user, admin: User, sign_in) -> None:
    body = {"email": "New@Acme.test", "name": "Nia", "role": "user", "password": PASSWORD}
    response = as_user(admin).post("/api/users", body, content_type="application/json")
    assert response.status_code == 201
    assert response.json()["email"] == "new@acme.test"
    assert response.json()["generated_password"] is None
    user = User.objects.get(email="new@acme.test")
    assert user.organization == admin.organization
    assert sign_in(user)["access_token"]


def test_without_a_password_one_is_generated_and_told_once(as_user, admin: User, sign_in) -> None:
    client = as_user(admin)
    body = {"email": "new@acme.test"}
    created = client.post("/api/users", body, content_type="application/json").json()
    password = created["generated_password"]
    assert len(password) >= 16
    user = User.objects.get(email="new@acme.test")
    assert sign_in(user, password)
    assert "generated_password" not in client.get(f"/api/users/{user.pk}").json()
    assert password not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "OWNER@acme.test"}, "email"),
        ({"email": "outsider@rival.test"}, "email"),
        ({"email": "not an email"}, "email"),
        ({}, "email"),
        ({"email": "new@acme.test", "role": "root"}, "role"),
        ({"email": "new@acme.test", "password": "short"}, "password"),
        ({"email": "new@acme.test", "password": "new@acme.test"}, "password"),
    ],
)
def test_a_wrong_value_is_named(
    as_user, admin: User, owner: User, outsider: User, body: dict, field: str
) -> None:
    response = as_user(admin).post("/api/users", body, content_type="application/json")
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "invalid"
    assert list(error["details"]["fields"]) == [field]
    assert not User.objects.filter(email="new@acme.test").exists()


def test_nobody_becomes_more_than_the_contract_lets_them(as_user, admin: User) -> None:
    body = {
        "email": "new@acme.test",
        "is_superuser": True,
        "is_staff": True,
        "organization": str(uuid.uuid4()),
        "user_permissions": [1],
    }
    client = as_user(admin)
    created = client.post("/api/users", body, content_type="application/json").json()
    client.patch(f"/api/users/{created['id']}", body, content_type="application/json")
    user = User.objects.get(pk=created["id"])
    assert (user.is_superuser, user.organization) == (False, admin.organization)
    assert not user.user_permissions.exists()


def test_an_admin_changes_role_name_and_standing(as_user, admin: User, owner: User) -> None:
    body = {"role": "admin", "name": "Ola", "is_active": False}
    response = as_user(admin).patch(f"/api/users/{owner.pk}", body, content_type="application/json")
    assert response.status_code == 200
    assert {name: response.json()[name] for name in body} == body
    owner.refresh_from_db()
    assert (owner.role, owner.name, owner.is_active) == ("admin", "Ola", False)


def test_with_one_refusal_nothing_is_changed(as_user, admin: User, owner: User) -> None:
    body = {"name": "Ola", "role": "admin", "password": "short"}
    response = as_user(admin).patch(f"/api/users/{owner.pk}", body, content_type="application/json")
    assert response.status_code == 400
    owner.refresh_from_db()
    assert (owner.name, owner.role) == ("", "user")


def test_a_person_of_another_organization_does_not_exist(
    as_user, admin: User, outsider: User
) -> None:
    client = as_user(admin)
    answers = [
        client.patch(f"/api/users/{pk}", {"role": "admin"}, content_type="application/json")
        for pk in (outsider.pk, uuid.uuid4())
    ] + [client.get(f"/api/users/{pk}") for pk in (outsider.pk, uuid.uuid4())]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    outsider.refresh_from_db()
    assert outsider.role == "user"


def test_a_superuser_is_out_of_reach_of_an_organization_admin(
    as_user, admin: User, owner: User
) -> None:
    User.objects.filter(pk=owner.pk).update(is_superuser=True)
    client = as_user(admin)
    for body in ({"password": PASSWORD + "!"}, {"is_active": False}, {"role": "admin"}):
        response = client.patch(f"/api/users/{owner.pk}", body, content_type="application/json")
        assert response.status_code == 403
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)
    assert (owner.is_active, owner.role) == (True, "user")


def test_a_session_needs_its_csrf_token_to_write(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    assert client.get("/api/users").status_code == 200
    body = {"email": "new@acme.test"}
    response = client.post("/api/users", body, content_type="application/json")
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "permission_denied"
    client.get("/teams")
    token = client.cookies["csrftoken"]
    response = client.post(
        "/api/users", body, content_type="application/json", headers={"X-CSRFToken": token.value}
    )
    assert response.status_code == 201


def test_teams_are_listed_to_those_in_them_and_to_admins(
    as_user, admin: User, owner: User, teammate: User, outsider: User, team
) -> None:
    def listed(user: User) -> set[str]:
        return {found["name"] for found in as_user(user).get("/api/teams").json()["results"]}

    assert listed(admin) == {"Finance"}
    assert listed(teammate) == {"Finance"}
    assert listed(owner) == set()
    assert listed(outsider) == set()


def test_pages_of_a_list_are_bounded(as_user, admin: User) -> None:
    client = as_user(admin)
    assert client.get("/api/users?page_size=1").json()["count"] == 1
    assert client.get("/api/users?page=9").status_code == 404
