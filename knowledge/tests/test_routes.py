"""Every address of the product: who is let in, and what each role gets for an object's address."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve

from knowledge.tests.conftest import RIVALS, ROLES, World
from knowledge.tests.urlconf import ask, outcome, routes, said

PUBLIC = {
    "/login",
    # Whoever has the link of an invitation joins here.
    "/join/a",
    "/health",
    "/health/ready",
    "/metrics",  # its own token; without one in the settings there is nothing
    "/api/auth/login",
    # Whoever holds a refresh token shows it here instead of signing in.
    "/api/auth/refresh",
    "/api/auth/logout",
}
# What each role (see `ROLES`) gets for an object's address; "login" is the way to the login page.
TABLE = """
                                                nobody owner colleague teammate admin rival rival_admin operator
GET    /documents/{document}                     login   200   404       200     200   404      404        404
GET    /documents/{document}/pages/1             login   200   404       200     200   404      404        404
GET    /documents/{document}/pages/1/image       login   422   404       422     422   404      404        404
GET    /documents/{document}/passages            login   200   404       200     200   404      404        404
GET    /documents/{document}/file                login   200   404       200     200   404      404        404
GET    /documents/{document}/readers             login   200   404       403     200   404      404        404
POST   /documents/{document}/share               login   302   404       403     302   404      404        404
POST   /documents/{document}/versions            login   302   404       403     302   404      404        404
POST   /documents/{document}/versions/discard    login   409   404       403     409   404      404        404
GET    /documents/{document}/versions/1/file     login   200   404       200     200   404      404        404
POST   /documents/{document}/edit                login   302   404       403     302   404      404        404
POST   /documents/{document}/retry               login   409   404       403     409   404      404        404
GET    /documents/{document}/delete              login   200   404       200     200   404      404        404
POST   /documents/{document}/delete              login   403   404       403     302   404      404        404
GET    /documents/uploads/{batch}                login   200   404       404     200   404      404        404
POST   /documents/uploads/{batch}/files          login   400   404       404     400   404      404        404
POST   /documents/uploads/{batch}/send           login   200   404       404     403   404      404        404
POST   /documents/uploads/{batch}/retry          login   302   404       404     302   404      404        404
GET    /chat/{conversation}/                     login   200   404       404     404   404      404        404
GET    /chat/{conversation}/rename/              login   200   404       404     404   404      404        404
POST   /chat/{conversation}/rename/              login   200   404       404     404   404      404        404
POST   /chat/{conversation}/narrow/              login   302   404       404     404   404      404        404
POST   /chat/{conversation}/delete/              login   302   404       404     404   404      404        404
GET    /chat/answers/{answer}/                   login   200   404       404     404   404      404        404
GET    /chat/answers/{answer}/stream/            login   200   404       404     404   404      404        404
POST   /chat/answers/{answer}/again/             login   302   404       404     404   404      404        404
POST   /chat/answers/{answer}/feedback/          login   200   404       404     404   404      404        404
POST   /members/{person}/role                    login   403   403       403     302   403      404        404
POST   /members/{person}/deactivate              login   403   403       403     302   403      404        404
POST   /members/{person}/reactivate              login   403   403       403     302   403      404        404
POST   /members/{person}/password                login   403   403       403     200   403      404        404
POST   /invitations/{invitation}/revoke          login   403   403       403     302   403      404        404
GET    /join/{token}                              200    302   302       302     302   302      302        302
POST   /join/{token}                              422    302   302       302     302   302      302        302
POST   /teams/{team}/rename                      login   403   403       403     302   403      404        404
POST   /teams/{team}/delete                      login   403   403       403     302   403      404        404
POST   /teams/{team}/members                     login   403   403       403     302   403      404        404
POST   /teams/{team}/members/{teammate}/remove   login   403   403       403     302   403      404        404
GET    /usage/budgets/{budget}/                  login   403   403       403     200   403      404        404
POST   /usage/budgets/{budget}/                  login   403   403       403     302   403      404        404
POST   /usage/budgets/{budget}/delete/           login   403   403       403     302   403      404        404
GET    /api/documents/{document}                  401    200   404       200     200   404      404        404
PATCH  /api/documents/{document}                  401    200   404       403     200   404      404        404
DELETE /api/documents/{document}                  401    403   404       403     204   404      404        404
GET    /api/documents/{document}/readers          401    200   404       403     200   404      404        404
POST   /api/documents/{document}/retry            401    409   404       403     409   404      404        404
GET    /api/documents/{document}/versions         401    200   404       200     200   404      404        404
POST   /api/documents/{document}/versions         401    400   404       403     400   404      404        404
DELETE /api/documents/{document}/versions/new     401    409   404       403     409   404      404        404
GET    /api/documents/{document}/versions/1/file  401    200   404       200     200   404      404        404
GET    /api/documents/{document}/file             401    200   404       200     200   404      404        404
GET    /api/documents/{document}/pages/1          401    200   404       200     200   404      404        404
GET    /api/documents/{document}/pages/1/image    401    422   404       422     422   404      404        404
GET    /api/conversations/{conversation}          401    200   404       404     404   404      404        404
PATCH  /api/conversations/{conversation}          401    200   404       404     404   404      404        404
DELETE /api/conversations/{conversation}          401    204   404       404     404   404      404        404
POST   /api/messages/{answer}/feedback            401    200   404       404     404   404      404        404
DELETE /api/invitations/{invitation}              401    403   403       403     204   403      404        404
GET    /api/users/{person}                        401    403   403       403     200   403      404        404
PATCH  /api/users/{person}                        401    403   403       403     200   403      404        404
"""  # noqa: E501
# What a form or a script sends; the rest sends nothing.
BODIES = {
    "POST /documents/{document}/share": {"visibility": "private"},
    "POST /documents/{document}/edit": {"filename": "plans"},
    "POST /documents/uploads/{batch}/send": {"unreadable": "1"},
    "POST /chat/{conversation}/rename/": {"title": "Plans"},
    "POST /chat/answers/{answer}/feedback/": {"rating": "up"},
    "POST /members/{person}/role": {"role": "admin"},
    "POST /teams/{team}/rename": {"name": "Money"},
    "POST /teams/{team}/members": {"email": "person@acme.test"},
    "POST /usage/budgets/{budget}/": {
        "applies_to": "organization",
        "period": "day",
        "limit_tokens": "9",
    },
    "PATCH /api/documents/{document}": {"visibility": "private"},
    "PATCH /api/conversations/{conversation}": {"title": "Plans"},
    "POST /api/messages/{answer}/feedback": {"rating": "up"},
    "PATCH /api/users/{person}": {"name": "Somebody"},
}


def _table() -> list[tuple[str, str, dict[str, str]]]:
    """Return method, address with names of objects, and what each role gets."""
    lines = [line.split() for line in TABLE.strip().splitlines()]
    assert lines[0] == list(ROLES)
    return [(line[0], line[1], dict(zip(ROLES, line[2:], strict=True))) for line in lines[1:]]


ROWS = _table()
NAMES = (
    *("invitation", "token", "document", "batch", "budget"),
    *("conversation", "answer", "person", "team", "teammate"),
)


def of_nothing(address: str) -> str:
    """Return the address with ids that no object has."""
    return address.format(**{name: uuid.uuid4() for name in NAMES})


def test_only_these_answer_a_stranger(client: Client, db: None) -> None:
    addresses = sorted({route.example for route in routes()})
    assert len(addresses) > 100
    answered = set()
    for address in addresses:
        # A POST is what the logins take; nothing else may look at it before asking who it is.
        for response in (client.get(address), client.post(address)):
            if outcome(response) not in ("login", "401"):
                answered.add(address)
    assert answered == PUBLIC


@pytest.mark.parametrize("address", ["/api/nothing", "/nothing", "/documents/nothing"])
def test_an_unknown_address_tells_a_stranger_nothing(
    client: Client, db: None, address: str
) -> None:
    response = client.get(address)
    assert outcome(response) in ("404", "login")
    assert "URLconf" not in response.content.decode()


@pytest.mark.parametrize(
    ("method", "address", "expected"), ROWS, ids=[" ".join(r[:2]) for r in ROWS]
)
def test_each_role_gets_what_the_table_says(
    world: World, method: str, address: str, expected: dict[str, str]
) -> None:
    body = BODIES.get(f"{method} {address}")
    there, missing = address.format(**world.ids), of_nothing(address)
    answers = {role: ask(client, method, there, body) for role, client in world.clients.items()}
    assert {role: outcome(answer) for role, answer in answers.items()} == expected
    # Whoever may not know of it learns nothing: neither by the status nor by the words.
    for role, answer in answers.items():
        if expected[role] == "404" or role in RIVALS:
            assert said(answer) == said(ask(world.clients[role], method, missing, body)), role


@pytest.mark.parametrize("address", sorted({row[1] for row in ROWS}))
def test_other_methods_are_refused_alike_for_all(world: World, address: str) -> None:
    there, missing = address.format(**world.ids), of_nothing(address)
    offered = {method for method, row, _ in ROWS if row == address}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - offered:
        for role in ("owner", "admin"):
            # 403 where a whole page is the administrators'.
            assert outcome(ask(world.clients[role], method, there)) in ("405", "403")
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - offered:
        for role in RIVALS:
            client = world.clients[role]
            assert said(ask(client, method, there)) == said(ask(client, method, missing))


def test_every_route_of_an_object_is_in_the_table() -> None:
    in_urlconf = {route.pattern for route in routes() if route.names_an_object}
    in_admin = {pattern for pattern in in_urlconf if pattern.startswith("admin/")}
    covered = {resolve(of_nothing(address)).route for _, address, _ in ROWS}
    assert in_urlconf - in_admin == covered


def test_every_method_of_the_api_is_in_the_table() -> None:
    in_urlconf = {
        (method, route.pattern)
        for route in routes()
        if route.names_an_object and route.pattern.startswith("api/")
        for method in methods_of(route.callback) - {"HEAD", "OPTIONS"}
    }
    in_table = {
        (method, resolve(of_nothing(address)).route)
        for method, address, _ in ROWS
        if address.startswith("/api/")
    }
    assert in_urlconf == in_table


def methods_of(callback: Any) -> set[str]:
    if actions := getattr(callback, "actions", None):
        return {method.upper() for method in actions}
    view = callback.cls
    return {name.upper() for name in view.http_method_names if hasattr(view, name)}
