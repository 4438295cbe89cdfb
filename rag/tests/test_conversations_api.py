import pytest

from documents.models import Document
from documents.services import delete_documents
from rag.models import Conversation, Message, UsageRecord
from rag.services.conversations import title_from
from rag.services.sources import WITHHELD
from rag.services.turns import run_turn, start_turn
from rag.tests.api import client_of
from rag.tests.library import published

LEAVE = "Every employee has 30 days of paid leave a year."


@pytest.fixture
def conversation(owner) -> Conversation:
    published(owner, LEAVE)
    message = start_turn(user=owner, query="How many days of paid leave does every employee have?")
    return run_turn(user=owner, message_id=message.pk).conversation


def test_each_person_lists_their_own_the_last_used_first(owner, colleague, conversation):
    later = start_turn(user=owner, query="Parking").conversation
    start_turn(user=colleague, query="Canteen")
    body = client_of(owner).get("/api/conversations").json()
    assert set(body) == {"count", "next", "previous", "results"}
    assert [row["id"] for row in body["results"]] == [str(later.pk), str(conversation.pk)]
    start_turn(user=owner, query="And?", conversation_id=conversation.pk)
    first = client_of(owner).get("/api/conversations").json()["results"][0]
    assert first["id"] == str(conversation.pk)


def test_the_list_can_be_searched(owner, conversation):
    start_turn(user=owner, query="Parking")
    found = client_of(owner).get("/api/conversations", {"search": "PAID"}).json()["results"]
    assert [row["id"] for row in found] == [str(conversation.pk)]


def test_a_conversation_shows_its_messages_with_their_sources(owner, conversation):
    body = client_of(owner).get(f"/api/conversations/{conversation.pk}").json()
    question, answer = body["messages"]
    assert (question["role"], answer["role"], answer["status"]) == (
        "user",
        "assistant",
        "completed",
    )
    assert answer["content"] == f"{LEAVE} [1]"
    assert [source["content"] for source in answer["sources"]] == [LEAVE]
    assert question["sources"] == []


def test_nothing_of_a_deleted_document_is_left_in_a_conversation(owner, admin, conversation):
    delete_documents(documents=Document.objects.all(), actor=admin)
    response = client_of(owner).get(f"/api/conversations/{conversation.pk}")
    assert "30 days" not in response.content.decode()
    answer = response.json()["messages"][1]
    assert answer["content"] == WITHHELD
    assert [(s["available"], s["content"], s["filename"]) for s in answer["sources"]] == [
        (False, "", "")
    ]


def test_a_conversation_is_renamed(owner, conversation):
    path = f"/api/conversations/{conversation.pk}"
    response = client_of(owner).patch(path, {"title": "  Paid   leave "})
    assert (response.status_code, response.json()["title"]) == (200, "Paid leave")
    for wrong in ({}, {"title": " "}, {"title": "x" * 201}):
        assert client_of(owner).patch(path, wrong).status_code == 400


def test_a_deleted_conversation_is_gone_and_its_cost_is_not(owner, conversation):
    path = f"/api/conversations/{conversation.pk}"
    assert client_of(owner).delete(path).status_code == 204
    assert client_of(owner).get(path).status_code == 404
    assert Message.objects.count() == 0
    assert UsageRecord.objects.of_language_models().filter(user=owner).count() == 1


@pytest.mark.parametrize("who", ["colleague", "admin", "outsider", "outside_admin"])
def test_the_conversation_of_somebody_else_does_not_exist(conversation, who, request):
    client = client_of(request.getfixturevalue(who))
    path = f"/api/conversations/{conversation.pk}"
    answers = [client.get(path), client.patch(path, {"title": "x"}), client.delete(path)]
    unknown = client.get("/api/conversations/00000000-0000-0000-0000-000000000000")
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert answers[0].content == unknown.content
    assert client.get("/api/conversations").json()["results"] == []
    conversation.refresh_from_db()


def test_a_title_is_the_beginning_of_the_question_cut_between_words():
    assert title_from("How many\ndays?") == "How many days?"
    title = title_from("word " * 40)
    assert len(title) <= 80
    assert title.endswith("word\u2026")
    assert len(title_from("x" * 500)) == 80
