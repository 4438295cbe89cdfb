"""The life of a token: login, use, refresh, logout, and everything that ends it early."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts import services
from accounts.api.tokens import RefreshToken
from accounts.models import User
from conftest import PASSWORD


def post(path: str, body: dict, **kwargs):
    return Client().post(path, body, content_type="application/json", **kwargs)


def me(access_token: str):
    return Client().get("/api/auth/me", headers={"Authorization": f"Bearer {access_token}"})


def refresh(token: str):
    return post("/api/auth/refresh", {"refresh_token": token})


def assert_refused(response, code: str) -> None:
    assert response.status_code == 401
    assert response.json()["error"]["code"] == code
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_login_answers_with_the_agreed_fields(owner: User, sign_in) -> None:
    answer = sign_in(owner)
    assert set(answer) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert answer["token_type"] == "bearer"
    assert answer["expires_in"] == 30 * 60


def test_login_takes_a_form_as_well(owner: User) -> None:
    response = Client().post(
        "/api/auth/login",
        f"username={owner.email}&password={PASSWORD}",
        content_type="application/x-www-form-urlencoded",
    )
    assert response.status_code == 200
    assert me(response.json()["access_token"]).status_code == 200


def test_the_email_is_taken_in_any_case(owner: User) -> None:
    body = {"username": f" {owner.email.upper()} ", "password": PASSWORD}
    assert post("/api/auth/login", body).status_code == 200


def test_login_needs_no_csrf_token_and_looks_at_no_old_token(owner: User) -> None:
    client = Client(enforce_csrf_checks=True, headers={"Authorization": "Bearer stale"})
    client.force_login(owner)
    body = {"username": owner.email, "password": PASSWORD}
    response = client.post("/api/auth/login", body, content_type="application/json")
    assert response.status_code == 200


def test_me_tells_who_holds_the_token(owner: User, sign_in) -> None:
    answer = me(sign_in(owner)["access_token"]).json()
    assert answer["id"] == str(owner.pk)
    assert answer["email"] == owner.email
    assert answer["role"] == "user"
    assert answer["organization"] == {"id": str(owner.organization_id), "name": "Acme"}


@pytest.mark.parametrize("field", ["username", "password"])
def test_a_missing_field_is_named(owner: User, field: str) -> None:
    body = {"username": owner.email, "password": PASSWORD}
    del body[field]
    response = post("/api/auth/login", body)
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]["fields"]) == [field]


def test_nobody_can_tell_a_wrong_password_from_an_unknown_or_inactive_user(
    owner: User, colleague: User
) -> None:
    colleague.is_active = False
    colleague.save()
    answers = [
        post("/api/auth/login", {"username": email, "password": password})
        for email, password in [
            (owner.email, "wrong"),
            ("nobody@acme.test", PASSWORD),
            (colleague.email, PASSWORD),
        ]
    ]
    assert_refused(answers[0], "invalid_credentials")
    assert len({answer.content for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {401}


def test_without_a_token_the_answer_is_401_and_says_how_to_sign_in(db: None) -> None:
    assert_refused(Client().get("/api/auth/me"), "not_authenticated")


def test_a_token_that_was_tampered_with_is_refused(owner: User, sign_in) -> None:
    head, body, signature = sign_in(owner)["access_token"].split(".")
    assert_refused(me(f"{head}.{body}.{signature[::-1]}"), "token_not_valid")


def test_a_refresh_token_is_no_access_token_nor_the_other_way_round(owner: User, sign_in) -> None:
    answer = sign_in(owner)
    assert_refused(me(answer["refresh_token"]), "token_not_valid")
    assert_refused(refresh(answer["access_token"]), "token_not_valid")


def test_a_refresh_gives_new_tokens_and_uses_the_old_one_up(owner: User, sign_in) -> None:
    first = sign_in(owner)
    second = refresh(first["refresh_token"])
    assert second.status_code == 200
    assert set(second.json()) == set(first)
    assert me(second.json()["access_token"]).status_code == 200
    assert_refused(refresh(first["refresh_token"]), "token_not_valid")
    assert refresh(second.json()["refresh_token"]).status_code == 200


def test_a_logged_out_refresh_token_is_refused_everywhere(owner: User, sign_in) -> None:
    token = sign_in(owner)["refresh_token"]
    response = post("/api/auth/logout", {"refresh_token": token})
    assert (response.status_code, response.content) == (204, b"")
    assert_refused(refresh(token), "token_not_valid")
    assert_refused(post("/api/auth/logout", {"refresh_token": token}), "token_not_valid")


def test_a_token_of_a_deactivated_user_stops_at_once_and_stays_stopped(
    owner: User, admin: User, sign_in
) -> None:
    tokens = sign_in(owner)
    services.deactivate_user(user=owner, actor=admin)
    assert_refused(me(tokens["access_token"]), "user_inactive")
    assert_refused(refresh(tokens["refresh_token"]), "token_not_valid")
    services.reactivate_user(user=owner, actor=admin)
    assert_refused(me(tokens["access_token"]), "session_ended")
    assert_refused(refresh(tokens["refresh_token"]), "token_not_valid")
    assert me(sign_in(owner)["access_token"]).status_code == 200


def test_a_password_change_ends_every_token(owner: User, sign_in) -> None:
    tokens = sign_in(owner)
    services.set_password(user=owner, actor=owner, password="another-fine-secret")
    assert_refused(me(tokens["access_token"]), "password_changed")
    assert_refused(refresh(tokens["refresh_token"]), "token_not_valid")


def test_a_role_taken_away_is_gone_for_a_token_issued_before(
    admin: User, owner: User, sign_in
) -> None:
    services.change_role(user=owner, actor=admin, role="admin")
    client = Client(headers={"Authorization": f"Bearer {sign_in(owner)['access_token']}"})
    assert client.get("/api/users").status_code == 200
    services.change_role(user=owner, actor=admin, role="user")
    assert client.get("/api/users").status_code == 403


def test_a_token_of_a_deleted_user_is_refused(owner: User, sign_in) -> None:
    tokens = sign_in(owner)
    owner.delete()
    assert me(tokens["access_token"]).status_code == 401
    assert_refused(refresh(tokens["refresh_token"]), "token_not_valid")


def test_what_the_database_keeps_of_a_token_signs_nobody_in(owner: User, sign_in) -> None:
    answer = sign_in(owner)
    refresh(answer["refresh_token"])
    stored = list(OutstandingToken.objects.values_list("token", flat=True))
    assert len(stored) == 2
    for token in stored:
        assert_refused(refresh(token), "token_not_valid")


def test_of_two_that_both_found_it_unused_one_wins(owner: User, sign_in, monkeypatch) -> None:
    token = sign_in(owner)["refresh_token"]
    # What a transaction sees that began before the other one ended.
    monkeypatch.setattr(RefreshToken, "check_blacklist", lambda self: None)
    assert [refresh(token).status_code for _ in range(2)] == [200, 401]


@pytest.mark.django_db(transaction=True)
def test_of_two_uses_at_the_same_time_one_wins(owner: User, sign_in) -> None:
    token = sign_in(owner)["refresh_token"]

    def use(_: int) -> int:
        try:
            return refresh(token).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4))) == [200, 401, 401, 401]
