from decimal import Decimal

import pytest
from django.test import AsyncClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from rag.llm.base import DONT_KNOW, ModelUnavailable, TokenUsage
from rag.models import Conversation, Message, UsageRecord
from rag.tests.api import client_of, parsed
from rag.tests.library import published

QUESTION = "How many days of paid leave does every employee have?"
LEAVE = "Every employee has 30 days of paid leave a year."
ANSWER = "Every employee has 30 days of paid leave [1]."
KEYS = {
    "answer",
    "grounded",
    "unsupported",
    "sentences",
    "sources",
    "related",
    "conflicts",
    "budget_warnings",
    "conversation_id",
    "message_id",
    "status",
    "usage",
    "model",
    "prompt_version",
}


@pytest.fixture
def handbook(owner):
    return published(owner, LEAVE, filename="leave.md")


def bearer(user: User) -> str:
    """Return the header of a token, as the login gives it out."""
    from accounts.api.tokens import SESSION_VERSION_CLAIM

    token = AccessToken.for_user(user)
    token[SESSION_VERSION_CLAIM] = user.session_version
    return f"Bearer {token}"


def test_an_answer_has_the_shape_of_the_contract(owner, handbook, model, settings):
    settings.LLM_PROMPT_PRICE = Decimal(1)
    model.enqueue(ANSWER, usage=TokenUsage(1000, 10))
    response = client_of(owner).post("/api/chat", {"query": QUESTION})
    assert response.status_code == 200
    body = response.json()
    assert set(body) == KEYS
    assert (body["answer"], body["grounded"], body["status"]) == (ANSWER, True, "completed")
    assert body["usage"] == {"prompt_tokens": 1000, "completion_tokens": 10, "cost": 0.001}
    assert (body["model"], body["prompt_version"]) == ("fake", "answer/v1")
    [source] = body["sources"]
    assert (source["n"], source["filename"], source["page"]) == (1, "leave.md", 1)
    assert (source["content"], source["document_id"]) == (LEAVE, str(handbook.pk))
    message = Message.objects.get(pk=body["message_id"])
    assert str(message.conversation_id) == body["conversation_id"]


def test_a_question_goes_on_with_a_conversation(owner, handbook):
    client = client_of(owner)
    first = client.post("/api/chat", {"query": QUESTION}).json()
    again = {"query": "And for trainees?", "conversation_id": first["conversation_id"]}
    assert client.post("/api/chat", again).json()["conversation_id"] == first["conversation_id"]
    assert Conversation.objects.count() == 1


def test_nothing_is_told_of_what_the_caller_may_not_read(colleague, outsider, handbook):
    for user in (colleague, outsider):
        body = client_of(user).post("/api/chat", {"query": QUESTION}).json()
        assert (body["answer"], body["sources"], body["grounded"]) == (DONT_KNOW, [], False)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"query": ""}, 400, "invalid"),
        ({"query": "   "}, 400, "invalid"),
        ({}, 400, "invalid"),
        ({"query": "x" * 2001}, 422, "unprocessable"),
        ({"query": "x", "conversation_id": "no-uuid"}, 400, "invalid"),
        (
            {"query": "x", "conversation_id": "00000000-0000-0000-0000-000000000000"},
            404,
            "not_found",
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_request_is_refused_before_anything_is_stored(owner, body, status, code, stream):
    response = client_of(owner).post("/api/chat", {**body, "stream": stream})
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert Message.objects.count() == 0


@pytest.mark.parametrize("stream", [False, True])
def test_the_conversation_of_somebody_else_does_not_exist(owner, colleague, admin, stream):
    conversation = Conversation.objects.create(user=owner)
    for user in (colleague, admin):
        body = {"query": QUESTION, "conversation_id": str(conversation.pk), "stream": stream}
        assert client_of(user).post("/api/chat", body).status_code == 404


def test_who_is_not_signed_in_is_refused(client, db):
    for path in ("/api/chat", "/api/retrieval"):
        response = client.post(path, {"query": "x"}, content_type="application/json")
        assert (response.status_code, response.json()["error"]["code"]) == (
            401,
            "not_authenticated",
        )


def test_a_failing_model_is_a_503_with_the_sources(owner, handbook, model):
    model.enqueue(error=ModelUnavailable("The model is down."))
    response = client_of(owner).post("/api/chat", {"query": QUESTION})
    assert response.status_code == 503
    error = response.json()["error"]
    assert (error["code"], error["message"]) == ("model_unavailable", "The model is down.")
    assert [source["content"] for source in error["details"]["sources"]] == [LEAVE]
    assert Message.objects.filter(pk=error["details"]["message_id"], status="failed").exists()


# --- streaming ---
@pytest.fixture
def handbook_async(transactional_db, owner):
    return published(owner, LEAVE, filename="leave.md")


async def streamed(user: User, **headers: str) -> tuple[object, bytes]:
    response = await AsyncClient().post(
        "/api/chat",
        {"query": QUESTION, "stream": True},
        content_type="application/json",
        headers={"Authorization": bearer(user), **headers},
    )
    return response, b"".join([part async for part in response.streaming_content])


async def test_a_stream_brings_sources_tokens_and_the_whole_answer(owner, handbook_async, model):
    model.enqueue("Every employee has 30 days", " of paid leave [", "1].")
    response, body = await streamed(owner, Accept="text/event-stream")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"
    events = parsed(body)
    assert [name for name, _ in events] == ["sources", "token", "token", "token", "done"]
    sources, *tokens, done = (data for _, data in events)
    assert "".join(token["text"] for token in tokens) == ANSWER
    assert set(done) == KEYS
    assert (done["answer"], done["message_id"]) == (ANSWER, sources["message_id"])
    assert [source["content"] for source in sources["sources"]] == [LEAVE]


async def test_a_failure_ends_the_stream_with_the_error(owner, handbook_async, model):
    model.enqueue("Every", error=ModelUnavailable("The model is down."))
    _, body = await streamed(owner)
    name, data = parsed(body)[-1]
    assert name == "error"
    assert data["error"]["code"] == "model_unavailable"
    assert set(data["error"]["details"]) == {"message_id", "conversation_id"}


async def test_a_stream_needs_a_valid_token(owner, handbook_async):
    response = await AsyncClient().post(
        "/api/chat",
        {"query": QUESTION, "stream": True},
        content_type="application/json",
        headers={"Authorization": "Bearer no-token"},
    )
    assert (response.status_code, response.headers["Content-Type"]) == (401, "application/json")


def test_a_session_needs_the_csrf_token(owner):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    response = client.post("/api/chat", {"query": "x"}, content_type="application/json")
    assert (response.status_code, Message.objects.count()) == (403, 0)


# --- retrieval ---
def test_retrieval_returns_what_the_caller_may_read(owner, colleague, handbook):
    response = client_of(owner).post("/api/retrieval", {"query": QUESTION, "top_k": 3})
    body = response.json()
    assert set(body) == {"query", "results", "took_ms"}
    [result] = body["results"]
    assert set(result) == {
        "chunk_id",
        "document_id",
        "filename",
        "page",
        "chunk_index",
        "content",
        "score",
        "rank",
    }
    assert (result["content"], result["rank"], result["page"]) == (LEAVE, 1, 1)
    assert client_of(colleague).post("/api/retrieval", {"query": QUESTION}).json()["results"] == []
    [row] = UsageRecord.objects.all()  # the colleague has nothing to search
    assert (row.user, row.feature, row.texts) == (owner, "embed_question", 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"query": ""}, 400),
        ({"query": "x", "top_k": 0}, 400),
        ({"query": "x", "top_k": 51}, 400),
        ({"query": "x" * 2001}, 422),
    ],
)
def test_retrieval_refuses_what_is_out_of_range(owner, body, status):
    assert client_of(owner).post("/api/retrieval", body).status_code == status
