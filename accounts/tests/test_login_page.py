"""Signing in and out on the pages: who, where to, and what is told to those who may not."""

import pytest
from django.contrib.auth import hashers
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import audit
from accounts.models import AuditEvent, User
from conftest import PASSWORD


def submit(client: Client, email: str, password: str = PASSWORD, **fields):
    return client.post("/login", {"email": email, "password": password, **fields})


def signed_in(client: Client) -> bool:
    return client.get("/profile").status_code == 200


def test_the_right_password_opens_the_product(client: Client, owner: User) -> None:
    response = submit(client, owner.email.upper())
    assert response.status_code == 302
    assert response["Location"] == "/chat/"
    assert signed_in(client)


def test_a_failed_login_says_the_same_to_everybody(owner: User, colleague: User) -> None:
    User.objects.filter(pk=colleague.pk).update(is_active=False)
    pages = []
    for email, password in [
        (owner.email, "wrong"),
        ("nobody@acme.test", "wrong"),
        (colleague.email, PASSWORD),
    ]:
        client = Client()
        response = submit(client, email, password)
        assert response.status_code == 422
        assert not signed_in(client)
        page = response.content.decode().replace(email, "EMAIL")
        pages.append(page.replace(str(response.context["csrf_token"]), "TOKEN"))
    assert "The email or the password is wrong." in pages[0]
    assert pages[0] == pages[1] == pages[2]


def test_a_failed_login_costs_one_hash_and_the_same_queries_for_everybody(
    owner: User, colleague: User, monkeypatch
) -> None:
    User.objects.filter(pk=colleague.pk).update(is_active=False)
    hasher = type(hashers.get_hasher())
    encode, hashed = hasher.encode, []
    monkeypatch.setattr(
        hasher, "encode", lambda self, *args, **kw: hashed.append(1) or encode(self, *args, **kw)
    )
    audit.record(action="organization.created", organization=owner.organization)
    audit.record(action="settings.changed")  # both chains are begun when anybody can sign in
    costs = []
    for email, password in [
        (owner.email, "wrong"),
        ("nobody@acme.test", "wrong"),
        (colleague.email, PASSWORD),
    ]:
        hashed.clear()
        with CaptureQueriesContext(connection) as queries:
            submit(Client(), email, password)
        costs.append((len(hashed), len(queries)))
    assert costs[0][0] == 1
    assert len(set(costs)) == 1


@pytest.mark.parametrize("target", ["/documents/?q=a", "/profile"])
def test_login_leads_to_where_one_wanted_to_go(client: Client, owner: User, target: str) -> None:
    assert submit(client, owner.email, next=target)["Location"] == target


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test",
        "javascript:alert(1)",
        "http:///evil.test",
        "",
    ],
)
def test_login_leads_to_no_other_site(client: Client, owner: User, target: str) -> None:
    assert submit(client, owner.email, next=target)["Location"] == "/chat/"
    # nor does it once one is signed in
    assert client.get("/login", {"next": target})["Location"] == "/chat/"


def test_login_needs_the_csrf_token(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert submit(client, owner.email).status_code == 403
    client.get("/login")
    token = client.cookies["csrftoken"].value
    assert submit(client, owner.email, csrfmiddlewaretoken=token).status_code == 302


def test_login_changes_the_session_key(client: Client, owner: User) -> None:
    client.session["planted"] = "x"
    planted = client.session.session_key
    submit(client, owner.email)
    assert client.session.session_key != planted


def test_logout_takes_a_post_and_ends_the_session(client: Client, owner: User) -> None:
    submit(client, owner.email)
    assert client.get("/logout").status_code == 405
    assert signed_in(client)
    assert client.post("/logout")["Location"] == "/login"
    assert not signed_in(client)


def test_who_signed_in_and_who_tried_is_recorded_without_the_password(
    client: Client, owner: User
) -> None:
    submit(client, owner.email, "a wrong password")
    submit(client, "nobody@acme.test", "a wrong password")
    submit(client, owner.email)
    client.post("/logout")
    events = AuditEvent.objects.order_by("id")
    assert [(event.action, event.actor, event.object_id) for event in events] == [
        ("user.sign_in_failed", None, str(owner.pk)),
        ("user.sign_in_failed", None, ""),
        ("user.signed_in", owner, str(owner.pk)),
        ("user.signed_out", owner, str(owner.pk)),
    ]
    assert {event.address for event in events} == {"127.0.0.1"}
    assert all(event.request_id for event in events)
    assert "wrong" not in str(list(events.values()))


def test_a_page_sends_a_stranger_to_the_login_and_back(client: Client, db: None) -> None:
    assert client.get("/profile?a=b")["Location"] == "/login?next=/profile%3Fa%3Db"


def test_a_form_sent_after_the_session_ended_does_not_lead_back_to_its_address(
    client: Client, db: None
) -> None:
    assert client.post("/profile/password")["Location"] == "/login"


def test_a_fragment_sends_the_whole_page_to_the_login(client: Client, db: None) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/teams?x=1"}
    response = client.get("/members?q=a", headers=headers)
    assert response.status_code == 204
    assert response["HX-Redirect"] == "/login?next=/teams%3Fx%3D1"


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_script_on_a_page_is_told_401(client: Client, db: None, accept: str) -> None:
    response = client.get("/profile", headers={"Accept": accept})
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "not_authenticated"


def test_deactivating_ends_the_session_for_good(client: Client, owner: User, admin: User) -> None:
    from accounts import services

    submit(client, owner.email)
    services.deactivate_user(user=owner, actor=admin)
    assert not signed_in(client)
    services.reactivate_user(user=owner, actor=admin)
    assert not signed_in(client)
