"""Every address without an object: what each role gets for each method, as the document shows it.

Measured, and compared with `docs/security.md` in `test_route_matrix.py`: whoever widens or narrows
a permission changes the document, and sees there for whom.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin as django_admin
from django.core.files.uploadedfile import SimpleUploadedFile

from knowledge.tests.conftest import ROLES, World
from knowledge.tests.test_admin_routes import WHO
from knowledge.tests.test_routes import methods_of
from knowledge.tests.urlconf import Route, ask, outcome, routes

# One line: method, address and what each role gets.
Line = tuple[str, str, dict[str, str]]

QUESTION = {"query": "What is the secret plan?"}
PERSON: dict[str, Any] = {"email": "new@acme.test", "name": "New"}
BUDGET = {"applies_to": "organization", "period": "month", "limit_tokens": "9"}


def _plan() -> dict[str, Any]:
    return {"file": SimpleUploadedFile("new.txt", b"A new plan.", "text/plain")}


# What a form or a script sends, where nothing would be refused to everybody alike.
BODIES: dict[str, Callable[[], dict[str, Any]]] = {
    "POST api/chat": lambda: QUESTION,
    "POST api/retrieval": lambda: QUESTION,
    "POST api/documents": _plan,
    "POST api/invitations": lambda: {"email": "new@acme.test"},
    "POST api/users": lambda: {**PERSON, "password": "a long enough password", "role": "user"},
    "POST chat/ask/": lambda: QUESTION,
    "POST documents/upload": lambda: {**_plan(), "visibility": "private"},
    "POST documents/uploads": lambda: {"name": "Plans", "visibility": "private"},
    "POST invitations": lambda: {"email": "new@acme.test", "role": "user"},
    "POST members": lambda: {**PERSON, "role": "user"},
    "POST profile/password": lambda: {},
    "POST teams": lambda: {"name": "Another"},
    "POST unanswered/settings/": lambda: {"mode": "off", "minimum_askers": "1"},
    "POST usage/budgets/": lambda: BUDGET,
}


def others() -> list[Route]:
    """Return every route that names no object, once, in the order of the addresses."""
    found = {route.pattern: route for route in routes() if not route.names_an_object}
    return [found[pattern] for pattern in sorted(found)]


def measured(world: World) -> Iterator[Line]:
    """Yield what each role gets; a method that a page refuses to all is left out."""
    for route in others():
        for method in _methods(route):
            got = {role: _outcome(world, role, method, route) for role in ROLES}
            if not _is_refused_by_all(got):
                yield method, f"/{route.pattern}", got


def _is_refused_by_all(got: dict[str, str]) -> bool:
    """Return whether nobody may, whoever they are: it is no matter of permission."""
    return "405" in got.values() and set(got.values()) <= {"405", "403", "login"}


def _methods(route: Route) -> list[str]:
    if route.pattern.startswith("api/") and hasattr(route.callback, "cls"):
        return sorted(methods_of(route.callback) - {"HEAD", "OPTIONS"})
    return ["GET", "POST"]


def _outcome(world: World, role: str, method: str, route: Route) -> str:
    client = world.clients[role]
    cookies = client.cookies.copy()
    body = BODIES.get(f"{method} {route.pattern}", dict)()
    answer = outcome(ask(client, method, route.example, body))
    client.cookies = cookies  # signing out and in is taken back, too
    return answer


def acts(world: World) -> Iterator[tuple[str, list[str]]]:
    """Yield what each of those who enter Django admin may do with the rows they choose there."""
    for model in sorted(django_admin.site._registry, key=lambda model: model._meta.label):
        address = f"/admin/{model._meta.label.replace('.', '/').lower()}/"
        offered = [_offered(world.clients[who].get(address)) for who in WHO]
        if any(offered):
            yield model._meta.label, offered


def _offered(page: Any) -> str:
    form = page.context["action_form"] if page.status_code == 200 else None
    choices = form.fields["action"].choices if form else []
    return ", ".join(str(label) for name, label in choices if name)


def test_no_page_takes_another_method(world: World) -> None:
    for route in others():
        if route.pattern.startswith("admin/"):
            continue  # there PUT is answered as GET is
        offered = _methods(route)
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - set(offered):
            for role in ("owner", "admin", "operator"):
                got = _outcome(world, role, method, route)
                assert got in ("405", "403"), (method, route.pattern, role)
