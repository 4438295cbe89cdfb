"""After too many failures nobody gets in for a while, and nobody learns which emails exist."""

import datetime
import re

import pytest
from django.conf import settings
from django.test import Client

from accounts.lockout import unlock
from accounts.models import AuditEvent, User
from conftest import PASSWORD


@pytest.fixture(autouse=True)
def _few(settings) -> None:
    settings.AXES_FAILURE_LIMIT = 3


def sign_in(email: str, password: str, address: str = "10.0.0.1"):
    return Client(REMOTE_ADDR=address).post("/login", {"email": email, "password": password})


def by_api(email: str, password: str):
    body = {"username": email, "password": password}
    return Client(REMOTE_ADDR="10.0.0.1").post("/api/auth/login", body, "application/json")


def test_the_right_password_does_not_help_until_the_time_is_over(owner, settings):
    answers = [sign_in(owner.email, "wrong").status_code for _ in range(3)]
    assert answers == [422, 422, 429]
    refused = sign_in(owner.email, PASSWORD)
    assert refused.status_code == 429
    assert "Try again in 15 minutes." in refused.content.decode()
    assert refused.headers["Retry-After"] == "900"
    settings.AXES_COOLOFF_TIME = datetime.timedelta(0)
    assert sign_in(owner.email, PASSWORD).status_code == 302


def test_pages_and_api_count_together(owner):
    sign_in(owner.email, "wrong")
    by_api(owner.email, "wrong")
    refused = by_api(owner.email, "wrong")
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "locked_out"
    assert sign_in(owner.email, PASSWORD).status_code == 429


def test_others_get_in_from_there_and_the_person_from_elsewhere(owner, colleague):
    for _ in range(3):
        sign_in(owner.email, "wrong")
    assert sign_in(colleague.email, PASSWORD).status_code == 302
    assert sign_in(owner.email, PASSWORD, address="10.0.0.2").status_code == 302


def test_an_email_that_nobody_has_is_answered_the_same(owner):
    User.objects.filter(pk=owner.pk).update(is_active=False)
    said = [
        [(by_api(email, "wrong").status_code, by_api(email, "wrong").json()) for _ in range(3)]
        for email in (owner.email, "nobody@nowhere.test")
    ]
    assert said[0] == said[1]


def test_success_begins_the_count_anew(owner):
    for _ in range(3):
        sign_in(owner.email, "wrong")
        sign_in(owner.email, "wrong")
        assert sign_in(owner.email, PASSWORD).status_code == 302


def test_an_administrator_of_the_machine_can_let_somebody_in(owner):
    for _ in range(3):
        sign_in(owner.email, "wrong")
    unlock(email=owner.email)
    assert sign_in(owner.email, PASSWORD).status_code == 302


def test_the_trail_tells_of_it(owner):
    for _ in range(4):
        sign_in(owner.email, "wrong")
    actions = AuditEvent.objects.filter(action__startswith="user.").order_by("pk")
    assert [event.action for event in actions][-2:] == ["user.locked_out", "user.locked_out"]


def test_signing_out_everywhere_ends_sessions_and_tokens(owner, page_as):
    here, elsewhere = page_as(owner), page_as(owner)
    token = by_api(owner.email, PASSWORD).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert elsewhere.get("/profile").status_code == 200
    assert here.get("/api/auth/me", headers=headers).status_code == 200
    here.post("/profile/sign-out-everywhere")
    assert elsewhere.get("/profile").status_code == 302
    assert Client().get("/api/auth/me", headers=headers).status_code == 401


def test_passwords_are_looked_at_in_one_place():
    calls = [
        str(path.relative_to(settings.BASE_DIR))
        for folder in ("accounts", "documents", "rag", "knowledge")
        for path in (settings.BASE_DIR / folder).rglob("*.py")
        if "tests" not in path.parts
        and re.search(r"\b(?:check_password|authenticate)\(", path.read_text())
    ]
    assert sorted(calls) == [
        "accounts/api/authentication.py",
        "accounts/lockout.py",
    ]  # one is of tokens
