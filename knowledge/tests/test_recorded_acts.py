"""What people do is in the audit trail, as ids and sizes, before its answer goes out."""

import json

import pytest
from django.test import Client
from django.utils import timezone

from accounts.audit.verification import verify
from accounts.models import AuditEvent, User
from conftest import PASSWORD
from documents.trail import ONE_VIEW
from knowledge.tests.conftest import World
from rag.services.settings_trail import note_settings
from rag.services.turns import run_turn, start_turn

pytestmark = pytest.mark.django_db


def recorded(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action).order_by("sequence"))


def test_a_view_of_text_is_recorded_once_in_a_while(world: World, monkeypatch) -> None:
    document, reader = world.ids["document"], world.clients["teammate"]
    for address in (
        f"/documents/{document}",
        f"/documents/{document}/pages/1",
        f"/documents/{document}/pages/1?view=text",
        f"/api/documents/{document}/pages/1",
        f"/documents/{document}/passages",
    ):
        assert reader.get(address).status_code == 200
    events = recorded("document.viewed")
    assert [event.details for event in events] == [
        {"filename": "plan.txt"},
        {"filename": "plan.txt", "page": 1},
        {"filename": "plan.txt", "part": "passages"},
    ]
    assert {event.object_id for event in events} == {str(document)}
    later = timezone.now() + ONE_VIEW
    monkeypatch.setattr("documents.trail.timezone.now", lambda: later)
    reader.get(f"/documents/{document}/pages/1")
    assert len(recorded("document.viewed")) == 4


def test_who_may_not_see_it_leaves_no_view(world: World) -> None:
    for role in ("colleague", "rival", "rival_admin"):
        world.clients[role].get(f"/documents/{world.ids['document']}")
    assert recorded("document.viewed") == []


def test_a_look_at_text_in_django_admin_is_a_view_too(world: World, admin: User) -> None:
    from documents.models import Page

    page = world.rows[Page]
    assert world.clients["admin"].get(f"/admin/documents/page/{page.pk}/change/").status_code == 200
    [event] = recorded("document.viewed")
    assert (event.actor_id, event.details["part"]) == (admin.pk, "admin")


def test_a_search_is_recorded_by_ids_and_sizes(world: World) -> None:
    asked = {"query": "What is the secret plan?"}
    world.clients["owner"].post("/api/retrieval", asked, content_type="application/json")
    [event] = recorded("retrieval.searched")
    assert event.details == {
        "characters": 24,
        "passages": 1,
        "documents": [str(world.ids["document"])],
    }


def test_a_chat_turn_is_recorded_when_asked_and_when_answered(world: World, owner: User) -> None:
    message = start_turn(user=owner, query="What is the secret plan?")
    run_turn(user=owner, message_id=message.pk)
    [asked], [answered] = recorded("chat.asked"), recorded("chat.answered")
    assert asked.object_id == answered.object_id == str(message.pk)
    assert asked.details["characters"] == 24
    assert answered.details["documents"] == [str(world.ids["document"])]
    assert "secret" not in json.dumps([asked.details, answered.details])


def test_a_refresh_and_the_reuse_of_its_token_are_recorded(owner: User) -> None:
    client = Client()

    def post(address: str, **data: str):
        return client.post(f"/api/auth/{address}", data, content_type="application/json")

    first = post("login", username=owner.email, password=PASSWORD).json()["refresh_token"]
    second = post("refresh", refresh_token=first).json()["refresh_token"]
    assert post("refresh", refresh_token=first).status_code == 401
    assert post("logout", refresh_token=second).status_code == 204
    assert post("logout", refresh_token=second).status_code == 401
    assert post("refresh", refresh_token="made up").status_code == 401
    events = AuditEvent.objects.of_chain(owner.organization_id)
    assert list(events.values_list("action", flat=True)) == [
        "user.signed_in",
        "token.refreshed",
        "token.reuse_refused",
        "user.signed_out",
        "token.reuse_refused",
    ]
    assert {event.object_id for event in events} == {str(owner.pk)}


def test_a_start_with_other_settings_is_recorded_without_secrets(db, settings) -> None:
    settings.OPENAI_API_KEY, settings.LLM_BASE_URL = "sk-secret", "https://u:secret@models.test/v1"
    note_settings()
    assert note_settings() is None
    settings.LLM_MODEL = "another"
    changed = note_settings()
    assert changed is not None
    assert changed.details["changed"]["LLM_MODEL"][1] == "another"
    assert "secret" not in json.dumps([event.details for event in recorded("settings.changed")])
    assert verify(None).is_whole


def test_a_deleted_conversation_is_recorded(world: World) -> None:
    key = world.ids["conversation"]
    world.clients["owner"].delete(f"/api/conversations/{key}")
    [event] = recorded("conversation.deleted")
    assert (event.object_id, event.details) == (str(key), {"messages": 2})
