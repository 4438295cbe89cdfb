import asyncio
import json

import pytest
from asgiref.testing import ApplicationCommunicator

from knowledge.asgi import application
from rag.models import Message, UsageRecord
from rag.tests.library import published
from rag.tests.test_chat_api import LEAVE, QUESTION, bearer


@pytest.fixture
def handbook(transactional_db, owner):
    return published(owner, LEAVE)


def connection(user, body: bytes) -> ApplicationCommunicator:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/api/chat",
        "query_string": b"",
        "headers": [
            (b"host", b"testserver"),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"authorization", bearer(user).encode()),
        ],
    }
    return ApplicationCommunicator(application, scope)


async def test_a_client_that_hangs_up_stops_the_model_and_what_came_is_kept(owner, handbook, model):
    model.enqueue("Every employee has 30 days", " of paid leave", hangs=True)
    body = json.dumps({"query": QUESTION, "stream": True}).encode()
    client = connection(owner, body)
    await client.send_input({"type": "http.request", "body": body})
    assert (await client.receive_output(5))["status"] == 200
    received = b""
    while received.count(b"event: token") < 2:
        received += (await client.receive_output(5))["body"]
    await asyncio.wait_for(model.is_waiting.wait(), 5)

    await client.send_input({"type": "http.disconnect"})
    await client.wait(5)

    assert model.closed == 1
    message = await Message.objects.aget(role="assistant")
    assert (message.status, message.content) == (
        "stopped",
        "Every employee has 30 days of paid leave",
    )
    record = await UsageRecord.objects.of_language_models().aget()
    assert (record.outcome, record.completion_tokens) == ("stopped", 10)
