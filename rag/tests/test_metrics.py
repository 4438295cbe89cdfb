"""Figures for Prometheus: only for whoever has the token, right, and of no organization by name."""

import pytest
from django.test import Client
from django_q.tasks import async_task
from prometheus_client.parser import text_string_to_metric_families

from rag.ledger import Entry, write
from rag.metrics import FIGURES
from rag.models import UsageRecord
from rag.tests.library import published, uploaded

TOKEN = "a-token-of-the-monitor"


@pytest.fixture(autouse=True)
def _token(settings, db):
    settings.METRICS_TOKEN = TOKEN
    FIGURES._ledger.forget()


def figures(client: Client) -> dict[tuple[str, ...], float]:
    """Return each sample by its name and the values of its labels, in the order of their names."""
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in families
        for sample in family.samples
    }


def test_without_a_token_in_the_settings_there_is_no_such_address(client, settings):
    settings.METRICS_TOKEN = ""
    for value in ("", "Bearer ", "Bearer x"):
        assert client.get("/metrics", headers={"Authorization": value}).status_code == 404


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer x", TOKEN, f"Basic {TOKEN}", "Bearer ä"])
def test_a_wrong_token_is_refused_even_to_an_administrator(admin, page_as, value):
    answer = page_as(admin).get("/metrics", headers={"Authorization": value})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert b"knowledge_" not in answer.content


def test_requests_are_counted_by_route_and_refusals_by_code(client, settings, tmp_path):
    before = figures(client)
    key = ("knowledge_request_seconds_count", "GET", "health", "200")
    for _ in range(3):
        client.get("/health")
    client.generic("MADEUP", "/health")
    client.get("/no/such/place")
    after = figures(client)
    assert after[key] - before.get(key, 0) == 3
    assert ("knowledge_request_seconds_count", "other", "health", "405") in after
    assert not any("such" in part for sample in after for part in sample)


def test_documents_queue_and_indexes_are_counted(client, owner, outsider):
    published(owner, "alpha")
    published(outsider, "beta", filename="beta.txt")
    uploaded(owner, filename="waiting.txt")
    async_task("rag.tasks.sweep")
    found = figures(client)
    assert found["knowledge_documents", "completed"] == 2
    assert found["knowledge_documents", "uploaded"] == 1
    assert found["knowledge_documents", "failed"] == 0
    assert found["knowledge_ingested_last_hour",] == 2
    assert found["knowledge_ingestion_seconds",] >= 0
    assert found["knowledge_queue_jobs", "waiting"] >= 1
    assert found["knowledge_indexes",] == 2
    assert found["knowledge_index_versions",] == 2


def test_the_ledger_is_added_up_once_and_in_full(client, owner):
    def call(outcome: str = "completed") -> None:
        write(
            [
                Entry(
                    organization_id=owner.organization_id,
                    user_id=owner.pk,
                    feature="chat",
                    model="m",
                    outcome=outcome,
                    prompt_tokens=10,
                    completion_tokens=3,
                    ms=500,
                )
            ]
        )

    call()
    call("failed")
    figures(client)
    call()
    figures(client)
    found = figures(client)
    of_chat = UsageRecord.objects.filter(outcome="completed", feature="chat").count()
    assert found["knowledge_model_calls_total", "chat", "m", "completed"] == of_chat == 2
    assert found["knowledge_model_calls_total", "chat", "m", "failed"] == 1
    assert found["knowledge_model_tokens_total", "chat", "prompt", "m", "completed"] == 20
    assert found["knowledge_model_seconds_total", "chat", "m", "completed"] == 1


def test_no_organization_person_or_document_is_named(client, owner):
    published(owner, "alpha", filename="secret-plan.txt")
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    hidden = ("Acme", "secret-plan", owner.email, str(owner.pk), str(owner.organization_id))
    assert not [text for text in hidden if text in answer]
