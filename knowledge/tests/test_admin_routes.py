"""Every address of an object in Django admin, for each role."""

import uuid

import pytest
from django.apps import apps
from django.contrib import admin as django_admin

from knowledge.lib.admin import OrganizationScopedAdmin
from knowledge.tests.conftest import World
from knowledge.tests.urlconf import ask, outcome, routes, said

# Django admin, for an organization's administrator and for an operator of another organization:
# looking at a row, its history, the question before its deletion, saving it and deleting it.
# Everybody else is sent to the login page, and who administers another organization is answered
# like for an id that does not exist.
ADMIN_TABLE = """
                           admin                          operator
                          look history ask save delete  look history ask save delete
accounts.Organization      200  200    403 403  403     200  200    200 200  302
accounts.User              200  200    403 200  403     200  200    403 200  403
accounts.Team              200  200    200 200  302     200  200    200 200  302
accounts.AuditEvent        200  200    403 403  403     200  200    403 403  403
documents.Document         200  200    200 200  302     200  200    200 200  302
documents.Page             200  200    403 403  403     200  200    403 403  403
documents.DocumentChunk    200  200    403 403  403     200  200    403 403  403
documents.FileDeletion     403  302    403 403  403     200  200    403 403  403
rag.AnswerSettings         200  200    403 403  403     200  200    403 403  403
rag.Budget                 200  200    200 200  302     200  200    200 200  302
rag.ModelPrice             403  302    403 403  403     200  200    200 200  302
rag.Conversation           200  200    403 403  403     200  200    403 403  403
rag.Message                200  200    403 403  403     200  200    403 403  403
rag.MessageSource          200  200    403 403  403     200  200    403 403  403
rag.EvaluationRun          200  200    403 403  403     200  200    403 403  403
rag.EvaluationCase         200  200    200 302  302     200  200    200 302  302
rag.OrganizationIndex      200  200    403 403  403     200  200    403 403  403
rag.IndexChange            200  200    403 403  403     200  200    403 403  403
rag.ChunkEmbedding         200  200    403 403  403     200  200    403 403  403
rag.ModelChange            200  200    403 403  403     200  200    403 403  403
rag.QuestionPrivacy        200  200    403 403  403     200  200    403 403  403
rag.UsageRecord            200  200    403 403  403     200  200    403 403  403
django_q.Schedule          403  403    403 403  403     200  200    200 200  302
django_q.Success           403  403    403 403  403     200  200    200 302  302
django_q.Failure           403  403    403 403  403     200  200    200 302  302
django_q.OrmQ              403  403    403 403  403     200  200    200 200  302
"""

# Each page: its method, its end, what is sent.
PAGES: dict[str, tuple[str, str, dict[str, str]]] = {
    "look": ("GET", "change", {}),
    "history": ("GET", "history", {}),
    "ask": ("GET", "delete", {}),
    "save": ("POST", "change", {}),
    "delete": ("POST", "delete", {"post": "yes"}),
}
WHO = ("admin", "operator")


def _table() -> dict[str, dict[str, dict[str, str]]]:
    """Return what each of the two gets for each page of each model."""
    lines = [line.split() for line in ADMIN_TABLE.strip().splitlines()]
    assert lines[:2] == [list(WHO), [*PAGES, *PAGES]]
    return {
        label: {
            "admin": dict(zip(PAGES, got[: len(PAGES)], strict=True)),
            "operator": dict(zip(PAGES, got[len(PAGES) :], strict=True)),
        }
        for label, *got in lines[2:]
    }


ROWS = _table()


def test_every_model_and_every_route_of_an_object_is_in_the_table() -> None:
    assert set(ROWS) == {model._meta.label for model in django_admin.site._registry}
    in_urlconf = {route.pattern for route in routes() if route.names_an_object}
    in_admin = {pattern for pattern in in_urlconf if pattern.startswith("admin/")}
    assert in_admin == {
        f"admin/{label.replace('.', '/').lower()}/<path:object_id>/{page}"
        for label in ROWS
        for page in ("change/", "history/", "delete/", "")  # the last leads to the first
    } | {"admin/r/<path:content_type_id>/<path:object_id>/"}  # to the public page; none has one


@pytest.mark.parametrize("label", ROWS)
def test_each_role_gets_what_the_table_says(world: World, label: str) -> None:
    folder = f"/admin/{label.replace('.', '/').lower()}"
    model = apps.get_model(label)
    key = world.rows[model].pk
    missing = uuid.uuid4() if isinstance(key, uuid.UUID) else 987_654_321
    is_ours = isinstance(django_admin.site.get_model_admin(model), OrganizationScopedAdmin)
    for page, (method, end, body) in PAGES.items():
        answers = {
            role: ask(client, method, f"{folder}/{key}/{end}/", body)
            for role, client in world.clients.items()
        }
        expected = dict.fromkeys(answers, "login")
        expected |= {who: ROWS[label][who][page] for who in WHO}
        # Back to the start, with the message that there is no such row; or allowed to nobody.
        expected["rival_admin"] = "302" if expected["admin"] != "403" else "403"
        assert {role: outcome(answer) for role, answer in answers.items()} == expected, page
        # The queue's own pages look a row up before they refuse; its rows are nobody's.
        if is_ours or page != "history":
            client = world.clients["rival_admin"]
            nothing = ask(client, method, f"{folder}/{missing}/{end}/", body)
            assert said(answers["rival_admin"]) == said(nothing), page
