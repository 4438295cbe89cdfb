"""What a person sees and changes about themselves."""

import pytest
from django.test import Client

from accounts.models import User
from conftest import PASSWORD

NEW = "another-fine-secret"


@pytest.fixture
def page(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def change(page: Client, old: str = PASSWORD, new: str = NEW, again: str | None = None):
    return page.post(
        "/profile/password",
        {"old_password": old, "new_password1": new, "new_password2": again or new},
    )


def test_the_page_shows_who_one_is(page: Client, owner: User, team) -> None:
    content = page.get("/profile").content.decode()
    for word in (owner.email, "Acme", "User"):
        assert word in content
    assert "Finance" not in content


def test_a_name_is_saved(page: Client, owner: User) -> None:
    assert page.post("/profile", {"name": " Ola "}).status_code == 302
    owner.refresh_from_db()
    assert owner.name == "Ola"


def test_a_name_form_changes_nothing_else(page: Client, owner: User) -> None:
    page.post("/profile", {"name": "Ola", "role": "admin", "email": "x@acme.test"})
    owner.refresh_from_db()
    assert (owner.role, owner.email) == ("user", "owner@acme.test")


def test_a_password_change_keeps_this_session_and_ends_the_others(
    page: Client, owner: User
) -> None:
    elsewhere = Client()
    elsewhere.force_login(owner)
    assert change(page).status_code == 302
    assert page.get("/profile").status_code == 200
    assert elsewhere.get("/profile").status_code == 302
    owner.refresh_from_db()
    assert owner.check_password(NEW)


@pytest.mark.parametrize(
    "passwords",
    [
        {"old": "wrong"},
        {"again": "not-the-same-one"},
        {"new": "short"},
        {"new": "owner@acme.test"},
        {"new": "password1234"},
        {"new": "93847561029384"},
    ],
)
def test_a_refused_password_says_why_and_changes_nothing(
    page: Client, owner: User, passwords: dict
) -> None:
    response = change(page, **passwords)
    assert response.status_code == 422
    assert b"errorlist" in response.content
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)
    assert page.get("/profile").status_code == 200
