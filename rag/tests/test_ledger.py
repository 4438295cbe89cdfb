"""Every call of a model is in the ledger, at the price of its time, and stays there."""

import datetime
from decimal import Decimal
from io import BytesIO

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from documents.models import Document
from documents.services import upload_document
from rag import ledger
from rag.embedding.registry import get_embedder
from rag.ingestion import ingest_waiting
from rag.ledger import Entry
from rag.llm.base import ModelUnavailable, TokenUsage
from rag.models import ModelPrice, UsageRecord
from rag.prices import PriceTable, billionths, from_billionths
from rag.services.budgets import save_price
from rag.services.search import search_passages
from rag.services.turns import run_turn, start_turn
from rag.tests.api import client_of
from rag.tests.library import published

QUESTION = "How many days of paid leave does every employee have?"
LEAVE = "Every employee has 30 days of paid leave a year."
ANSWER = "Every employee has 30 days of paid leave [1]."
NOW = timezone.now()


def days(count: int) -> datetime.datetime:
    return NOW + datetime.timedelta(days=count)


def written(user, **fields) -> UsageRecord:
    entry = {"feature": "chat", "model": "gpt-4o-mini", "prompt_tokens": 1000, **fields}
    [row] = ledger.write([Entry(organization_id=user.organization_id, user_id=user.pk, **entry)])
    return UsageRecord.objects.get(pk=row.pk)


# --- prices ---
def test_the_price_in_force_when_a_call_was_begun_counts(owner):
    ModelPrice.objects.create(
        pattern="gpt-4o-mini", prompt_price=Decimal("0.15"), valid_from=days(-9)
    )
    ModelPrice.objects.create(
        pattern="gpt-4o-mini", prompt_price=Decimal("0.30"), valid_from=days(-1)
    )
    ModelPrice.objects.create(pattern="gpt-4o-mini", prompt_price=Decimal("9"), valid_from=days(1))
    assert written(owner, begun_at=days(0)).cost == Decimal("0.0003")
    assert written(owner, begun_at=days(-2)).cost == Decimal("0.00015")


def test_the_longest_pattern_that_fits_counts(settings, db):
    settings.LLM_PROMPT_PRICE = Decimal(7)
    for pattern, price in (("*", 1), ("gpt-*", 2), ("GPT-4o*", 3)):
        ModelPrice.objects.create(pattern=pattern, prompt_price=price, valid_from=days(-1))
    table = PriceTable()
    for model, price in (("gpt-4o-mini", 3), ("gpt-5", 2), ("other", 1)):
        assert table.price_of(model, NOW).prompt == price
    assert table.price_of("gpt-5", days(-2)).prompt == 7  # before them, the setting


def test_a_recorded_cost_never_changes(owner, admin):
    admin.is_superuser = True
    price = ModelPrice(pattern="*", prompt_price=Decimal(1), valid_from=days(-1))
    save_price(price=price, actor=admin)
    row = written(owner)
    price.prompt_price = Decimal(5)
    save_price(price=price, actor=admin)
    row.refresh_from_db()
    assert row.cost == Decimal("0.001")
    assert written(owner).cost == Decimal("0.005")


def test_a_price_is_not_below_zero_and_one_of_a_moment(admin):
    admin.is_superuser = True
    with pytest.raises(ValidationError):
        save_price(price=ModelPrice(pattern="m", prompt_price=Decimal(-1)), actor=admin)
    save_price(price=ModelPrice(pattern="m", valid_from=NOW), actor=admin)
    with pytest.raises(ValidationError, match="already"):
        save_price(price=ModelPrice(pattern="m", valid_from=NOW), actor=admin)


@pytest.mark.parametrize("amount", ["0", "0.000000001", "12345.678901234"])
def test_money_is_exact(amount):
    assert from_billionths(billionths(Decimal(amount))) == Decimal(amount)


def test_a_single_cheap_token_costs_something(settings, owner):
    settings.LLM_PROMPT_PRICE = Decimal("0.0002")
    assert written(owner, prompt_tokens=1).cost == Decimal("0.000000001")


# --- what is written ---
@pytest.fixture
def handbook(owner):
    return published(owner, LEAVE, filename="leave.md")


def features(**filters) -> list[tuple]:
    rows = UsageRecord.objects.filter(**filters).order_by("feature")
    return [(row.feature, row.outcome) for row in rows]


def test_a_turn_has_a_row_for_each_thing_that_a_model_did(owner, handbook, model):
    model.enqueue(ANSWER, usage=TokenUsage(100, 10))
    message = start_turn(user=owner, query=QUESTION)
    run_turn(user=owner, message_id=message.pk)
    assert features(message=message) == [("chat", "completed"), ("embed_question", "completed")]
    embedded = UsageRecord.objects.get(feature="embed_question")
    [tokens] = get_embedder().count_tokens([QUESTION])
    assert (embedded.texts, embedded.embedding_tokens, embedded.cost) == (1, tokens, 0)


def test_the_offline_answerer_counts_what_it_compares(owner, handbook):
    message = start_turn(user=owner, query=QUESTION)
    run_turn(user=owner, message_id=message.pk)
    assert [row[0] for row in features(message=message)] == [
        *("chat", "embed_answer", "embed_question")
    ]
    assert UsageRecord.objects.get(feature="embed_answer").texts == 2  # a sentence, the question


def test_a_failed_call_has_its_row(owner, handbook, model):
    model.enqueue("Every", error=ModelUnavailable("down"))
    message = start_turn(user=owner, query=QUESTION)
    run_turn(user=owner, message_id=message.pk)
    assert ("chat", "failed") in features(message=message)
    assert UsageRecord.objects.get(feature="chat").prompt_tokens > 0


@pytest.mark.django_db(transaction=True)
def test_a_document_costs_one_row_however_many_chunks_it_has(owner, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path
    text = b"\n\n".join(b"Rule %d says what number %d is about." % (n, n) for n in range(60))
    upload_document(owner=owner, file=BytesIO(text), filename="rules.txt")
    ingest_waiting()
    document = Document.objects.get()
    [row] = UsageRecord.objects.filter(feature="embed_document")
    assert document.chunk_count > 3
    assert (row.user, row.texts) == (owner, document.chunk_count)
    assert row.embedding_tokens > len(text.split())


def test_a_search_has_its_row(owner, handbook):
    search_passages(user=owner, query=QUESTION, top_k=1)
    assert features() == [("embed_question", "completed")]


# --- what stays ---
def test_numbers_stay_when_conversation_and_person_go(owner, admin, handbook, model):
    model.enqueue(ANSWER, usage=TokenUsage(100, 10))
    message = start_turn(user=admin, query=QUESTION)
    run_turn(user=admin, message_id=message.pk)
    row = written(owner, prompt_tokens=5)
    message.conversation.delete()
    row.user.documents.all().delete()
    row.user.delete()
    row.refresh_from_db()
    assert (row.user, row.prompt_tokens) == (None, 5)
    body = client_of(admin).get("/api/usage", {"group_by": "feature", "feature": "chat"}).json()
    [only] = body["results"]
    assert (only["calls"], only["prompt_tokens"], only["completion_tokens"]) == (2, 105, 10)
