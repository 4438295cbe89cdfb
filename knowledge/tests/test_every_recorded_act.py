"""Each act of which the trail must tell, by its own door, and exactly what is written of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.acts import ACTS as EVERY_ACT
from accounts.audit import chain
from accounts.audit.archive import archive
from accounts.models import AuditEvent, Organization, User
from accounts.services import seal_again, suspend_organization
from conftest import PASSWORD
from documents.models import Document
from knowledge.tests.conftest import World
from rag.models import ModelChange, ModelPrice
from rag.services.answer_settings import change_answer_settings
from rag.services.index import run_now
from rag.services.model_change import prune, roll_back, start_change
from rag.services.model_change_run import run_change
from rag.services.settings_trail import note_settings

pytestmark = pytest.mark.django_db

APPS = ("accounts", "documents", "rag")
ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "203.0.113.7"
QUESTION = {"query": "What is the secret plan?"}
LOGIN = {"username": "owner@acme.test", "password": PASSWORD}
WRONG = {**LOGIN, "password": "wrong"}
ANSWERED = ["chat.asked", "chat.answered"]
RIVAL = "outsider@rival.test"
NEW = {"email": "n@acme.test", "password": "a-long-password-9", "role": "user"}
PERSON = {"email": "person@acme.test", "name": "", "role": "user", "is_active": "on"}
ANYBODY = ANYTHING = "*"


@dataclass(frozen=True)
class Act:
    """One request, and the events that it must leave.

    Attributes:
        actor: the role that the events name; "" where it is nobody that is signed in, ANYBODY
            where one act leaves events of several.
        on: the name of the object in the world, or the type of a new one.
        details: what is told besides, as far as it is known before.
        first: what has to have happened; what it returns is sent as well.
        refused: the status, where the act is that something is refused.
        elsewhere: whether its trail is another one than that of the world's organization.
    """

    who: str
    request: str
    actions: list[str]
    on: str = ""
    body: Any = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    actor: str | None = None
    first: Callable[[World], dict[str, Any] | None] | None = None
    refused: int = 0
    elsewhere: bool = False


def _file(name: str = "new.txt") -> dict[str, Any]:
    return {"file": SimpleUploadedFile(name, b"A new plan.", "text/plain"), "visibility": "private"}


def _fail_often(world: World) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        _post("/api/auth/login", WRONG)


def _sign_in(world: World) -> dict[str, Any]:
    return {"refresh_token": _post("/api/auth/login", LOGIN).json()["refresh_token"]}


def _sign_in_and_refresh(world: World) -> dict[str, Any]:
    used = _sign_in(world)
    _post("/api/auth/refresh", used)
    return used


def _post(address: str, body: dict[str, Any]) -> Any:
    return Client(REMOTE_ADDR=ADDRESS).post(address, body, content_type="application/json")


def _take_the_address(world: World) -> None:
    home = User.objects.get(email=RIVAL).organization
    User.objects.create_user("invited@acme.test", PASSWORD, organization=home)


def _choose_home(world: World) -> dict[str, Any]:
    return {"_selected_action": [world.ids["organization"]]}


def _suspend(world: World) -> dict[str, Any]:
    home = Organization.objects.get(pk=world.ids["organization"])
    suspend_organization(organization=home, actor=User.objects.get(email="operator@rival.test"))
    return _choose_home(world)


def _fail(world: World) -> None:
    Document.objects.filter(pk=world.ids["document"]).update(status="failed")


def _upload_version(world: World) -> None:
    address = f"/documents/{world.ids['document']}/versions"
    world.clients["owner"].post(address, _file("plan.txt"))


def _choose_settings(world: World) -> dict[str, Any]:
    admin = User.objects.get(email="admin@acme.test")
    for prompt in ("v1", "v2"):
        chosen = change_answer_settings(
            organization=admin.organization, actor=admin, answer_prompt=prompt
        )
    return {"_selected_action": [chosen.pk]}


def _home(world: World) -> dict[str, Any]:
    return {"organization": str(world.ids["organization"])}


def _no_change_is_open(world: World) -> dict[str, Any]:
    ModelChange.objects.update(status="cancelled")
    return _home(world)


def _choose_change(world: World) -> dict[str, Any]:
    return {"_selected_action": [world.rows[ModelChange].pk]}


# What no form sends: a worker or a command does it.
DEEDS: dict[str, Callable[[User, Path], object]] = {
    "settings.changed": lambda admin, folder: note_settings(),
    "audit.resealed": lambda admin, folder: seal_again(organization_id=admin.organization_id),
    "audit.archived": lambda admin, folder: list(
        archive(chains=[admin.organization_id], before=timezone.now(), path=folder / "old.jsonl")
    ),
    "index.repaired": lambda admin, folder: run_now(
        organization=admin.organization, action="repair"
    ),
    "index.rebuilt": lambda admin, folder: run_now(
        organization=admin.organization, action="rebuild"
    ),
}
OF_A_CHANGE = [
    *("model_change.started", "model_change.switched"),
    *("model_change.rollback_started", "model_change.rolled_back", "model_change.pruned"),
]

ACTS = [
    # signing in and out
    Act("nobody", "POST /login", ["user.signed_in"], "owner",
        {"email": LOGIN["username"], "password": PASSWORD}, actor="owner"),
    Act("nobody", "POST /api/auth/login", ["user.signed_in"], "owner", LOGIN, actor="owner"),
    Act("nobody", "POST /login", ["user.sign_in_failed"], "owner",
        {"email": LOGIN["username"], "password": "wrong"}, actor="", refused=422),
    Act("nobody", "POST /api/auth/login", ["user.sign_in_failed"], "owner", WRONG, actor="",
        refused=401),
    Act("nobody", "POST /api/auth/login", ["user.locked_out"], "owner", LOGIN, actor="",
        first=_fail_often, refused=429),
    Act("nobody", "POST /api/auth/refresh", ["token.refreshed"], "owner", {}, actor="owner",
        first=_sign_in),
    Act("nobody", "POST /api/auth/refresh", ["token.reuse_refused"], "owner", {}, actor="",
        first=_sign_in_and_refresh, refused=401),
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
    Act("admin", "POST /members", ["user.creation_refused"], "", {**NEW, "email": RIVAL},
        {"reason": "the address is taken"}, refused=422),
    Act("admin", "POST /api/users", ["user.creation_refused"], "", {**NEW, "email": RIVAL},
        refused=400),
    Act("admin", "POST /admin/accounts/user/add/", ["user.creation_refused"], "",
        {**NEW, "email": RIVAL, "new_password": NEW["password"]}, refused=200),
    Act("admin", "POST /members/{person}/reactivate", ["user.reactivated"], "person",
        first=lambda world: User.objects.filter(pk=world.ids["person"]).update(is_active=False)),
    Act("owner", "POST /profile", ["user.renamed"], "owner", {"name": "Olga"}),
    Act("owner", "POST /profile/password", ["user.password_changed"], "owner",
        {"old_password": PASSWORD, "new_password1": NEW["password"],
         "new_password2": NEW["password"]}),
    Act("admin", "POST /admin/accounts/user/{person}/change/",
        ["user.renamed", "user.email_changed", "user.role_changed", "user.deactivated",
         "user.password_changed"], "person",
        {"email": "other@acme.test", "name": "Pia", "role": "admin",
         "new_password": NEW["password"]}),
    Act("operator", "POST /admin/accounts/user/{person}/change/", ["user.superuser_granted"],
        "person", {**PERSON, "is_superuser": "on"}, actor="operator@rival.test"),
    Act("operator", "POST /admin/accounts/user/{person}/change/", ["user.superuser_revoked"],
        "person", PERSON, actor="operator@rival.test",
        first=lambda world: User.objects.filter(pk=world.ids["person"]).update(is_superuser=True)),
    Act("nobody", "POST /join/{token}", ["user.created", "invitation.accepted", "user.signed_in"],
        ANYTHING, {"name": "N", "password": NEW["password"], "again": NEW["password"]},
        actor=ANYBODY),
    Act("nobody", "POST /join/{token}", ["invitation.refused"], "invitation",
        {"name": "N", "password": NEW["password"], "again": NEW["password"]}, actor="",
        first=_take_the_address, refused=404),
    Act("admin", "POST /api/invitations", ["invitation.created"], "invitation",
        {"email": "n@acme.test"}, {"role": "user"}),
    Act("admin", "DELETE /api/invitations/{invitation}", ["invitation.revoked"], "invitation"),
    Act("admin", "POST /teams", ["team.created"], "team", {"name": "Legal"}, {"name": "Legal"}),
    Act("admin", "POST /teams/{team}/rename", ["team.renamed"], "team", {"name": "Money"},
        {"before": "Finance", "after": "Money"}),
    Act("admin", "POST /teams/{team}/members", ["team.member_added"], "team",
        {"email": "person@acme.test"}),
    Act("admin", "POST /admin/accounts/team/{team}/change/", ["team.renamed"], "team",
        {"name": "Money", "memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}),
    Act("admin", "POST /teams/{team}/members/{teammate}/remove", ["team.member_removed"], "team"),
    Act("admin", "POST /teams/{team}/delete", ["team.deleted"], "team", {}, {"name": "Finance"}),
    # organizations, by an operator
    Act("operator", "POST /admin/accounts/organization/add/",
        ["organization.created", "user.created"], ANYTHING,
        {"name": "New", "admin_email": "n@new.test", "admin_password": NEW["password"]},
        actor="operator@rival.test", elsewhere=True),
    Act("operator", "POST /admin/accounts/organization/{organization}/change/",
        ["organization.renamed"], "organization", {"name": "Acme & Sons"},
        {"before": "Acme", "after": "Acme & Sons"}, actor="operator@rival.test"),
    Act("operator", "POST /admin/accounts/organization/", ["organization.suspended"],
        "organization", {"action": "suspend"}, actor="operator@rival.test", first=_choose_home),
    Act("operator", "POST /admin/accounts/organization/", ["organization.reinstated"],
        "organization", {"action": "reinstate"}, actor="operator@rival.test", first=_suspend),
    Act("operator", "POST /admin/accounts/organization/{organization}/delete/",
        ["organization.removal_requested"], "organization", {"post": "yes"}, {"name": "Acme"},
        actor="operator@rival.test"),
    # documents
    Act("owner", "POST /documents/upload", ["document.uploaded"], "document", _file,
        {"filename": "new.txt", "size": 11}),
    Act("owner", "POST /api/documents", ["document.uploaded"], "document", _file,
        {"filename": "new.txt", "size": 11}),
    Act("owner", "POST /documents/{document}/edit", ["document.edited"], "document",
        {"filename": "plan b.txt", "description": "", "tags": "", "collection": ""}),
    Act("owner", "PATCH /api/documents/{document}", ["document.edited"], "document",
        {"filename": "plan b.txt"}),
    Act("owner", "POST /documents/{document}/retry", ["document.retried"], "document",
        first=_fail),
    Act("owner", "POST /documents/{document}/versions",
        ["document.version_uploaded", "document.uploaded"], "document",
        lambda: _file("plan.txt"), {"size": 11}),
    Act("owner", "DELETE /api/documents/{document}/versions/new", ["document.version_discarded"],
        "document", first=_upload_version),
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
    Act("admin", "POST /usage/budgets/{budget}/", ["budget.changed"], "budget",
        {"applies_to": "organization", "period": "day", "limit_tokens": "9"}),
    Act("admin", "POST /admin/rag/budget/{budget}/delete/", ["budget.deleted"], "budget",
        {"post": "yes"}),
    Act("operator", "POST /admin/rag/modelprice/add/", ["price.saved"], "modelprice",
        {"pattern": "gpt-*", "prompt_price": "1", "completion_price": "2", "embedding_price": "0",
         "valid_from_0": "2026-01-01", "valid_from_1": "00:00:00"},
        actor="operator@rival.test", elsewhere=True),
    Act("operator", "POST /admin/rag/modelprice/{price}/delete/", ["price.deleted"], "modelprice",
        {"post": "yes"}, actor="operator@rival.test", elsewhere=True),
    Act("admin", "POST /admin/rag/answersettings/add/", ["answer_settings.changed"],
        "answersettings", {"answer_prompt": "v1", "condense_prompt": "v1", "title_prompt": "v1",
                           "model": "extractive", "candidate_share": "0"},
        {"answer_prompt": "v1", "model": "extractive"}, first=_home),
    Act("admin", "POST /admin/rag/answersettings/", ["answer_settings.restored"],
        "answersettings", {"action": "roll_back"}, first=_choose_settings),
    Act("admin", "POST /unanswered/handled/", ["unanswered.handled"], "", {}, {"questions": 0}),
    Act("admin", "POST /unanswered/settings/", ["unanswered.privacy_changed"], "questionprivacy",
        {"mode": "off", "minimum_askers": "3"}, {"mode": "off", "minimum_askers": 3}),
    Act("admin", "GET /audit/export?type=csv", ["audit.exported"], "", {}, {"type": "csv"}),
    Act("admin", "GET /api/audit/export", ["audit.exported"], "", {}, {"type": "jsonl"}),
    Act("admin", "GET /usage/export", ["usage.exported"]),
    Act("admin", "GET /unanswered/export", ["unanswered.exported"], "", {}, {"questions": 0}),
    Act("admin", "POST /api/index/check", ["index.check_requested"]),
    Act("admin", "POST /api/index/repair", ["index.repair_requested"]),
    Act("admin", "POST /api/index/rebuild", ["index.rebuild_requested"]),
    Act("admin", "POST /admin/rag/modelchange/add/", ["model_change.started"], "modelchange",
        {"model": "fake-wide"}, first=_no_change_is_open),
    Act("admin", "POST /admin/rag/modelchange/", ["model_change.cancelled"], "modelchange",
        {"action": "cancel"}, first=_choose_change),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _named(world: World) -> None:
    world.ids["organization"] = world.rows[Organization].pk
    world.ids["price"] = world.rows[ModelPrice].pk


def test_each_act_leaves_exactly_this(world: World) -> None:
    for act in ACTS:
        cookies = world.clients[act.who].cookies.copy()
        _leaves_exactly_this(world, act)
        world.clients[act.who].cookies = cookies  # signing out and in is taken back, too


def _leaves_exactly_this(world: World, act: Act) -> None:
    before = _newest()
    with transaction.atomic():
        more = (act.first(world) if act.first else None) or {}
        newest, began = _newest(), timezone.now()
        answer = _do(world, act, more if isinstance(more, dict) else {})
        events = list(AuditEvent.objects.filter(pk__gt=newest).order_by("pk"))
        transaction.set_rollback(True)
    expected = {act.refused} if act.refused else {200, 201, 202, 204, 302}
    assert answer.status_code in expected, (act.request, answer.status_code, _text_of(answer))
    assert [event.action for event in events] == act.actions, (act.request, _text_of(answer))
    role = act.who if act.actor is None else act.actor
    user = User.objects.filter(email=role if "@" in role else f"{role}@acme.test").first()
    for event in events:
        assert act.actor == ANYBODY or event.actor_id == (user.pk if user else None), act.request
        assert act.elsewhere or event.organization_id == world.ids["organization"]
        assert (event.address, event.request_id) == (ADDRESS, answer.headers["X-Request-ID"])
        assert began <= event.created_at <= timezone.now()
        assert event.details | act.details == event.details, act.request
        if act.on != ANYTHING:
            _is_on(world, event, act.on)
    assert _newest() == before  # a row that was taken back with its act is not there


def _text_of(answer: Any) -> str:
    return "" if answer.streaming else answer.content.decode(errors="ignore")[:3000]


def _do(world: World, act: Act, more: dict[str, Any]) -> Any:
    method, address = act.request.split(" ")
    body = (act.body() if callable(act.body) else act.body) | more
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


def test_without_its_row_no_act_is_done(world: World, monkeypatch: Any) -> None:
    def fails(*args: Any) -> None:
        raise OSError

    for act in ACTS:
        cookies = world.clients[act.who].cookies.copy()
        world.clients[act.who].raise_request_exception = False
        with transaction.atomic():
            more = (act.first(world) if act.first else None) or {}
            before = _everything()
            with monkeypatch.context() as patch:
                patch.setattr(chain, "append", fails)
                answer = _do(world, act, more if isinstance(more, dict) else {})
            assert answer.status_code == 500, act.request
            after = _everything()
            assert [name for name in before if before[name] != after[name]] == [], act.request
            transaction.set_rollback(True)
        world.clients[act.who].cookies = cookies


def _everything() -> dict[str, list[Any]]:
    """Return every row of the product, by model."""
    models = [m for app in APPS for m in apps.get_app_config(app).get_models(True)]
    return {m.__name__: sorted(map(repr, m._base_manager.values_list())) for m in models}


# Held by tests of their own, which need more of a world: each names its act.
ELSEWHERE = {
    "organization.deleted": "rag/tests/test_organization_removal.py",
    "evaluation.began": "rag/tests/test_evaluate_retrieval.py",
    "evaluation.ended": "rag/tests/test_evaluate_retrieval.py",
    "model_change.refused": "rag/tests/test_model_comparison.py",
    "model_change.failed": "rag/tests/test_model_change.py",
}


def test_what_workers_and_commands_do_leaves_exactly_this(
    world: World, admin: User, tmp_path: Path
) -> None:
    for action, deed in DEEDS.items():
        before = _newest()
        deed(admin, tmp_path)
        events = AuditEvent.objects.filter(pk__gt=before)
        assert list(events.values_list("action", flat=True)) == [action]


def test_a_change_of_the_model_is_told_from_its_start_to_its_end(world: World, admin: User) -> None:
    ModelChange.objects.update(status="cancelled")
    home, before = admin.organization, _newest()
    assert home is not None
    run_change(change_id=start_change(organization=home, model="fake-wide", actor=admin).pk)
    run_change(change_id=roll_back(organization=home, actor=admin).pk)
    prune(organization=home, actor=admin)
    events = AuditEvent.objects.filter(pk__gt=before).order_by("pk")
    assert list(events.values_list("action", flat=True)) == OF_A_CHANGE
    assert {event.actor_id for event in events} == {admin.pk}


def test_every_act_of_the_product_is_held_by_a_table() -> None:
    held = {action for act in ACTS for action in act.actions}
    assert held | {*DEEDS, *OF_A_CHANGE, *ELSEWHERE} == set(EVERY_ACT)
    for action, path in ELSEWHERE.items():
        assert action in (ROOT / path).read_text(), action


def test_an_act_that_nobody_knows_is_not_written(admin: User) -> None:
    with pytest.raises(ValueError, match="not among the acts"):
        audit.record(action="document.painted", actor=admin)
