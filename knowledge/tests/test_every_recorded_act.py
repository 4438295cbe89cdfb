"""Each act of which the trail must tell, by its own door, and exactly what is written of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.audit import chain
from accounts.models import AuditEvent, User
from conftest import PASSWORD
from documents.models import Document
from knowledge.tests.conftest import World
from rag.services.answer_settings import change_answer_settings

pytestmark = pytest.mark.django_db

ADDRESS = "203.0.113.7"
QUESTION = {"query": "What is the secret plan?"}
LOGIN = {"username": "owner@acme.test", "password": PASSWORD}
WRONG = {**LOGIN, "password": "wrong"}
ANSWERED = ["chat.asked", "chat.answered"]


@dataclass(frozen=True)
class Act:
    """One request, and the events that it must leave.

    Attributes:
        actor: the role that the events name; "" where it is nobody that is signed in.
        on: the name of the object in the world, or the type of a new one.
        details: what is told besides, as far as it is known before.
    """

    who: str
    request: str
    actions: list[str]
    on: str = ""
    body: Any = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    actor: str | None = None


def _file(name: str = "new.txt") -> dict[str, Any]:
    return {"file": SimpleUploadedFile(name, b"A new plan.", "text/plain"), "visibility": "private"}


ACTS = [
    # signing in and out
    Act("nobody", "POST /login", ["user.signed_in"], "owner",
        {"email": LOGIN["username"], "password": PASSWORD}, actor="owner"),
    Act("nobody", "POST /api/auth/login", ["user.signed_in"], "owner", LOGIN, actor="owner"),
    Act("nobody", "POST /login", ["user.sign_in_failed"], "owner",
        {"email": LOGIN["username"], "password": "wrong"}, actor=""),
    Act("nobody", "POST /api/auth/login", ["user.sign_in_failed"], "owner", WRONG, actor=""),
    Act("owner", "POST /logout", ["user.signed_out"], "owner"),
    Act("owner", "POST /profile/sign-out-everywhere", ["user.signed_out_everywhere"], "owner"),
    # people and teams
    Act("admin", "POST /api/users", ["user.created"], "user",
        {"email": "n@acme.test", "password": "a-long-password-9", "role": "user"},
        {"role": "user", "superuser": False}),
    Act("admin", "POST /members/{person}/role", ["user.role_changed"], "person",
        {"role": "admin"}, {"before": "user", "after": "admin"}),
    Act("admin", "PATCH /api/users/{person}", ["user.role_changed"], "person", {"role": "admin"},
        {"before": "user", "after": "admin"}),
    Act("admin", "POST /members/{person}/deactivate", ["user.deactivated"], "person"),
    Act("admin", "POST /members/{person}/password", ["user.password_changed"], "person"),
    Act("admin", "POST /api/invitations", ["invitation.created"], "invitation",
        {"email": "n@acme.test"}, {"role": "user"}),
    Act("admin", "DELETE /api/invitations/{invitation}", ["invitation.revoked"], "invitation"),
    Act("admin", "POST /teams", ["team.created"], "team", {"name": "Legal"}, {"name": "Legal"}),
    Act("admin", "POST /teams/{team}/rename", ["team.renamed"], "team", {"name": "Money"},
        {"before": "Finance", "after": "Money"}),
    Act("admin", "POST /teams/{team}/members/{teammate}/remove", ["team.member_removed"], "team"),
    Act("admin", "POST /teams/{team}/delete", ["team.deleted"], "team", {}, {"name": "Finance"}),
    # documents
    Act("owner", "POST /documents/upload", ["document.uploaded"], "document", _file,
        {"filename": "new.txt", "size": 11}),
    Act("owner", "POST /api/documents", ["document.uploaded"], "document", _file,
        {"filename": "new.txt", "size": 11}),
    Act("owner", "POST /documents/{document}/share", ["document.shared"], "document",
        {"visibility": "private"}),
    Act("owner", "PATCH /api/documents/{document}", ["document.shared"], "document",
        {"visibility": "organization"}),
    Act("teammate", "GET /documents/{document}", ["document.viewed"], "document", {},
        {"filename": "plan.txt"}),
    Act("teammate", "GET /documents/{document}/pages/1", ["document.viewed"], "document", {},
        {"page": 1}),
    Act("teammate", "GET /api/documents/{document}/pages/1", ["document.viewed"], "document", {},
        {"page": 1}),
    Act("teammate", "GET /documents/{document}/file", ["document.downloaded"], "document"),
    Act("teammate", "GET /api/documents/{document}/file", ["document.downloaded"], "document"),
    Act("admin", "POST /documents/{document}/delete", ["document.deleted"], "document", {},
        {"filename": "plan.txt"}),
    Act("admin", "DELETE /api/documents/{document}", ["document.deleted"], "document"),
    # searches and answers
    Act("owner", "POST /api/retrieval", ["retrieval.searched"], "", QUESTION,
        {"characters": 24, "passages": 1}),
    Act("owner", "POST /api/chat", ANSWERED, "message", QUESTION),
    Act("owner", "DELETE /api/conversations/{conversation}", ["conversation.deleted"],
        "conversation", {}, {"messages": 2}),
    # what administrators set, take out and rebuild
    Act("admin", "POST /usage/budgets/", ["budget.created"], "budget",
        {"applies_to": "organization", "period": "month", "limit_tokens": "9"}),
    Act("admin", "POST /usage/budgets/{budget}/delete/", ["budget.deleted"], "budget"),
    Act("admin", "POST /unanswered/settings/", ["unanswered.privacy_changed"], "questionprivacy",
        {"mode": "off", "minimum_askers": "3"}, {"mode": "off", "minimum_askers": 3}),
    Act("admin", "GET /audit/export?type=csv", ["audit.exported"], "", {}, {"type": "csv"}),
    Act("admin", "GET /api/audit/export", ["audit.exported"], "", {}, {"type": "jsonl"}),
    Act("admin", "GET /usage/export", ["usage.exported"]),
    Act("admin", "GET /unanswered/export", ["unanswered.exported"], "", {}, {"questions": 0}),
    Act("admin", "POST /api/index/rebuild", ["index.rebuild_requested"]),
]  # fmt: skip


def test_each_act_leaves_exactly_this(world: World) -> None:
    for act in ACTS:
        cookies = world.clients[act.who].cookies.copy()
        _leaves_exactly_this(world, act)
        world.clients[act.who].cookies = cookies  # signing out and in is taken back, too


def _leaves_exactly_this(world: World, act: Act) -> None:
    before, began = _newest(), timezone.now()
    with transaction.atomic():
        answer = _do(world, act)
        events = list(AuditEvent.objects.filter(pk__gt=before).order_by("pk"))
        transaction.set_rollback(True)
    refused = {422, 401} if act.actor == "" else {200, 201, 202, 204, 302}
    assert answer.status_code in refused, (act.request, answer.status_code)
    assert [event.action for event in events] == act.actions, act.request
    for event in events:
        role = act.who if act.actor is None else act.actor
        user = User.objects.filter(email=f"{role}@acme.test").first()
        assert event.actor_id == (user.pk if user else None)
        assert event.organization_id == User.objects.get(email=LOGIN["username"]).organization_id
        assert (event.address, event.request_id) == (ADDRESS, answer.headers["X-Request-ID"])
        assert began <= event.created_at <= timezone.now()
        assert event.details | act.details == event.details, act.request
        _is_on(world, event, act.on)
    assert _newest() == before  # a row that was taken back with its act is not there


def _do(world: World, act: Act) -> Any:
    method, address = act.request.split(" ")
    body = act.body() if callable(act.body) else act.body
    is_json = address.startswith("/api/") and "file" not in body
    kind: dict[str, Any] = {"content_type": "application/json"} if is_json else {}
    send: Callable[..., Any] = getattr(world.clients[act.who], method.lower())
    return send(address.format(**world.ids), body, REMOTE_ADDR=ADDRESS, **kind)


def _is_on(world: World, event: AuditEvent, on: str) -> None:
    """Hold what it was done to: an object of the world, somebody of the cast, or a new one."""
    person = User.objects.filter(email=f"{on}@acme.test").first()
    if on in world.ids:
        of_type = {"person": "user"}.get(on, on)
        is_new = event.action.endswith((".created", ".uploaded"))
        assert event.object_type == of_type
        assert is_new or event.object_id == str(world.ids[on])
    elif person is not None:
        assert (event.object_type, event.object_id) == ("user", str(person.pk))
    else:
        assert event.object_type == on
        assert bool(event.object_id) == bool(on)


def _newest() -> int:
    return AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def test_a_lock_out_and_what_is_tried_after_it(owner: User, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 2
    for _ in range(4):
        Client().post("/api/auth/login", WRONG, content_type="application/json")
    actions = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions)[-1] == "user.locked_out"
    assert set(actions) == {"user.sign_in_failed", "user.locked_out"}


def test_a_choice_of_prompt_and_model_is_told(world: World, admin: User) -> None:
    before = _newest()
    change_answer_settings(
        organization=admin.organization, actor=admin, answer_prompt="v1", model="extractive"
    )
    [event] = AuditEvent.objects.filter(pk__gt=before)
    assert (event.action, event.actor_id) == ("answer_settings.changed", admin.pk)
    assert (event.details["answer_prompt"], event.details["model"]) == ("v1", "extractive")


@pytest.mark.parametrize(
    "request_", ["POST /members/{person}/role", "POST /documents/{document}/delete"]
)
def test_without_its_row_the_act_is_not_done(world: World, monkeypatch: Any, request_: str) -> None:
    [act] = [act for act in ACTS if act.request == request_]

    def fails(*args: Any) -> None:
        raise OSError

    monkeypatch.setattr(chain, "append", fails)
    world.clients["admin"].raise_request_exception = False
    assert _do(world, act).status_code == 500
    assert User.objects.get(pk=world.ids["person"]).role == "user"
    assert Document.objects.filter(pk=world.ids["document"]).exists()
