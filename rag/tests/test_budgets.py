"""Budgets hold, whoever asks at once and however calls end."""

import datetime
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal
from functools import partial
from importlib import import_module

import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.db import connection
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rag import budgets, ledger
from rag.budgets import BudgetExceeded, Estimate
from rag.ledger import Entry
from rag.llm import registry
from rag.llm.base import ModelUnavailable, TokenUsage
from rag.models import Budget, DailyUsage, Message, ModelPrice, Reservation, UsageRecord
from rag.prices import billionths
from rag.services.turns import run_turn, start_turn, stream_turn
from rag.tasks import sweep
from rag.tests.api import client_of
from rag.tests.library import published
from rag.tests.model_server import ModelServer, answering

QUESTION = "How many days of paid leave does every employee have?"
LEAVE = "Every employee has 30 days of paid leave a year."
ANSWER = "Every employee has 30 days of paid leave [1]."
ESTIMATE = Estimate("chat", "m", prompt_tokens=1, completion_tokens=1)


def limited(organization, *, applies_to="organization", period="day", **amounts) -> Budget:
    return Budget.objects.create(
        organization=organization, applies_to=applies_to, period=period, **amounts
    )


def spent(user, tokens: int, *, days_ago: int = 0) -> None:
    """Let the ledger hold a call of so many tokens."""
    ledger.write([entry_of(user, tokens)])
    if days_ago:
        moved = timezone.localdate() - datetime.timedelta(days=days_ago)
        DailyUsage.objects.filter(day=timezone.localdate()).update(day=moved)


def entry_of(user, tokens: int) -> Entry:
    return Entry(
        organization_id=user.organization_id,
        user_id=user.pk,
        feature="chat",
        model="m",
        prompt_tokens=tokens,
    )


@pytest.fixture
def handbook(owner):
    return published(owner, LEAVE, filename="leave.md")


def ask(user, **more):
    return client_of(user).post("/api/chat", {"query": QUESTION, **more})


# --- refusing ---
@pytest.mark.parametrize("stream", [False, True])
def test_a_question_over_a_hard_budget_is_refused_before_it_is_stored(
    owner, handbook, model, organization, stream
):
    limited(organization, applies_to="everybody", limit_tokens=1000)
    spent(owner, 1000)
    response = ask(owner, stream=stream)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (429, "budget_exceeded")
    assert error["message"].startswith("Your daily budget is used up. It starts anew on ")
    assert 0 < int(response.headers["Retry-After"]) <= 24 * 3600 + 1
    assert (error["details"]["budget"], error["details"]["period"]) == ("everybody", "day")
    assert error["details"]["unit"] == "tokens"
    assert not Message.objects.exists()
    assert model.history == []


def test_the_page_says_it_in_a_sentence(owner, handbook, model, organization, page_as):
    limited(organization, limit_tokens=10)
    response = page_as(owner).post(
        "/chat/ask/", {"query": QUESTION}, headers={"HX-Request": "true"}
    )
    assert response.status_code == 429
    assert "data-error-message>Your organization&#x27;s daily budget has too little left" in (
        response.content.decode()
    )


def test_a_call_whose_worst_case_does_not_fit_is_not_begun(owner, handbook, model, organization):
    limited(organization, applies_to="everybody", limit_tokens=750)  # an answer's tokens, no prompt
    response = ask(owner)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (429, "budget_exceeded")
    assert error["message"].startswith("Your daily budget has 750 tokens left, and another answer")
    assert error["details"]["sources"][0]["content"] == LEAVE
    assert model.history == []
    assert not Reservation.objects.exists()


def test_the_money_of_a_budget_is_held_too(owner, handbook, model, organization, settings):
    settings.LLM_PROMPT_PRICE, settings.LLM_COMPLETION_PRICE = Decimal(1), Decimal(1000)
    limited(organization, limit_cost=Decimal("0.5"))  # 700 tokens may cost 0.70
    assert ask(owner).status_code == 429
    Budget.objects.update(limit_cost=Decimal("0.8"))
    model.enqueue(ANSWER, usage=TokenUsage(100, 100))
    assert ask(owner).status_code == 200
    assert DailyUsage.objects.get(holder=organization.pk).cost == billionths(Decimal("0.1001"))
    assert ask(owner).json()["error"]["details"]["unit"] == "USD"


def test_what_only_calls_under_way_hold_is_free_again_soon(owner, organization):
    limited(organization, limit_tokens=1000)
    budgets.reserve(key=uuid.uuid4(), user=owner, tokens=900, cost=Decimal(0), estimate=ESTIMATE)
    with pytest.raises(BudgetExceeded) as refusal:
        budgets.reserve(
            key=uuid.uuid4(), user=owner, tokens=900, cost=Decimal(0), estimate=ESTIMATE
        )
    assert refusal.value.retry_after_s <= 30
    assert "held by answers that are being written" in refusal.value.message


def test_a_rewording_without_room_goes_by_the_rule(owner, handbook, model, organization):
    model.enqueue(ANSWER)
    first = start_turn(user=owner, query=QUESTION)
    run_turn(user=owner, message_id=first.pk)
    second = start_turn(user=owner, query="And why?", conversation_id=first.conversation_id)
    limited(organization, limit_tokens=10)
    settled = run_turn(user=owner, message_id=second.pk)
    assert (settled.status, len(model.history)) == ("failed", 1)
    assert settled.search_query.startswith("And why? (")


def test_offline_answers_and_greetings_are_free(owner, handbook, model, organization, settings):
    limited(organization, limit_tokens=0)
    assert client_of(owner).post("/api/chat", {"query": "Hello"}).status_code == 200
    settings.LLM_PROVIDER = "extractive"
    assert ask(owner).json()["grounded"] is True


# --- which budget ---
def test_a_persons_own_budget_takes_the_place_of_everybodys(owner, colleague, organization):
    limited(organization, applies_to="everybody", limit_tokens=10)
    limited(organization, applies_to="person", user=owner, limit_tokens=100)
    budgets.require_room(user=owner, tokens=50, cost=Decimal(0))
    with pytest.raises(BudgetExceeded):
        budgets.require_room(user=colleague, tokens=50, cost=Decimal(0))


def test_other_organizations_spend_nothing_of_ours(owner, outsider, organization):
    limited(organization, limit_tokens=100)
    spent(outsider, 1000)
    budgets.require_room(user=owner, tokens=100, cost=Decimal(0))
    assert budgets.standings(user=outsider) == []


def test_a_day_ends_at_midnight_of_the_installation_and_a_month_with_its_last_day(
    owner, organization, settings
):
    settings.TIME_ZONE = "Europe/Berlin"
    with timezone.override("Europe/Berlin"):
        limited(organization, period="day", limit_tokens=100)
        limited(organization, period="month", limit_tokens=100)
        moment = datetime.datetime(2026, 10, 31, 22, 30, tzinfo=datetime.UTC)  # 23:30 in Berlin
        day, month = budgets.standings(user=owner, now=moment)
        assert day.resets_at == month.resets_at
        assert day.resets_at.isoformat() == "2026-11-01T00:00:00+01:00"
        assert "1 November 2026 at 00:00 (CET)" in day.resets_text


def test_yesterday_counts_for_the_month_alone(owner, organization):
    limited(organization, period="day", limit_tokens=1000)
    limited(organization, period="month", limit_tokens=1000)
    now = timezone.make_aware(datetime.datetime(2026, 6, 15, 12))
    DailyUsage.objects.create(
        organization=organization, holder=organization.pk, day=datetime.date(2026, 6, 14), tokens=7
    )
    assert [s.used for s in budgets.standings(user=owner, now=now)] == [0, 7]


# --- warning ---
def test_people_are_warned_at_four_fifths_of_a_limit_in_page_field_and_header(
    owner, handbook, model, organization, page_as
):
    limited(organization, applies_to="everybody", limit_tokens=100_000)
    spent(owner, 79_990)
    model.enqueue(ANSWER, usage=TokenUsage(5, 5))
    response = ask(owner)
    sentence = "80 % of your daily budget is used: 80,000 tokens of 100,000 tokens."
    assert response.json()["budget_warnings"] == [sentence]
    assert response.headers["X-Budget-Warning"] == sentence
    assert sentence in page_as(owner).get("/chat/").content.decode()


def test_a_soft_budget_warns_and_refuses_nothing(owner, handbook, model, organization):
    limited(organization, warn_tokens=10)
    spent(owner, 11)
    model.enqueue(ANSWER)
    response = ask(owner)
    assert response.status_code == 200
    said = "Your organization's daily budget is used up. You can go on."
    assert response.json()["budget_warnings"] == [said]


def test_what_colleagues_spent_is_told_to_administrators_alone(owner, admin, organization):
    limited(organization, limit_tokens=1000)
    spent(admin, 123)
    [shown] = client_of(owner).get("/api/usage/budgets").json()
    assert (shown["used"], shown["limit"], shown["left"], shown["percent"]) == (None,) * 3 + (12,)
    [shown] = client_of(admin).get("/api/usage/budgets").json()
    assert (shown["used"], shown["limit"], shown["left"]) == (123, 1000, 877)


# --- settling ---
@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ({"usage": TokenUsage(50, 7)}, "completed"),
        ({"error": ModelUnavailable("down")}, "failed"),
    ],
)
def test_a_settled_call_holds_nothing_and_is_counted(
    owner, handbook, model, organization, reply, status
):
    limited(organization, limit_tokens=10_000)
    model.enqueue(ANSWER, **reply)
    answer = start_turn(user=owner, query=QUESTION)
    assert run_turn(user=owner, message_id=answer.pk).status == status
    assert not Reservation.objects.exists()
    assert_totals_add_up(organization)
    assert DailyUsage.objects.get(holder=owner.pk).tokens > 0


@pytest.mark.django_db(transaction=True)
async def test_a_client_that_goes_away_gives_back_what_was_held(owner, model, organization):
    await sync_to_async(published)(owner, LEAVE, filename="leave.md")
    await sync_to_async(limited)(organization, limit_tokens=10_000)
    model.enqueue("Every employee", hangs=True)
    message = await sync_to_async(start_turn)(user=owner, query=QUESTION)
    async with aclosing(stream_turn(user=owner, message_id=message.pk)) as stream:
        for _ in range(2):
            await anext(stream)
        held = await Reservation.objects.aget()
        assert held.tokens > 700
    assert not await Reservation.objects.aexists()
    assert (await DailyUsage.objects.aget(holder=organization.pk)).tokens > 0


@pytest.mark.parametrize("with_a_budget", [True, False])
def test_what_a_dead_process_held_expires_and_is_settled_at_its_estimate(
    owner, organization, with_a_budget
):
    if with_a_budget:
        limited(organization, limit_tokens=1000)
    estimate = Estimate("chat", "m", prompt_tokens=200, completion_tokens=50)
    reserve = partial(budgets.reserve, user=owner, cost=Decimal(0), estimate=estimate)
    reserve(key=uuid.uuid4(), tokens=1000)
    Reservation.objects.update(expires_at=timezone.now())
    budgets.require_room(user=owner, tokens=750, cost=Decimal(0))
    reserve(key=uuid.uuid4(), tokens=700)  # of a process that lives
    sweep()
    assert Reservation.objects.get().tokens == 700
    row = UsageRecord.objects.get()
    assert (row.outcome, row.user, row.model) == ("lost", owner, "m")
    assert (row.prompt_tokens, row.completion_tokens) == (200, 50)
    assert_totals_add_up(organization)
    sweep()
    assert UsageRecord.objects.count() == 1


@pytest.mark.django_db(transaction=True)
async def test_a_process_that_was_taken_for_dead_and_lives_counts_once(
    owner, handbook, model, organization
):
    await sync_to_async(limited)(organization, limit_tokens=100_000)
    model.enqueue(ANSWER, usage=TokenUsage(300, 20))
    message = await sync_to_async(start_turn)(user=owner, query=QUESTION)
    async with aclosing(stream_turn(user=owner, message_id=message.pk)) as stream:
        for _ in range(2):
            await anext(stream)
        await Reservation.objects.aupdate(expires_at=timezone.now())
        assert await sync_to_async(budgets.settle_expired)() == 1
        lost = await UsageRecord.objects.aget(feature="chat")
        assert (lost.outcome, lost.message_id) == ("lost", message.pk)
        assert lost.prompt_tokens + lost.completion_tokens > 320  # an estimate
        async for _ in stream:
            pass
    [row] = [one async for one in UsageRecord.objects.filter(feature="chat")]
    assert (row.outcome, row.prompt_tokens, row.completion_tokens) == ("completed", 300, 20)
    await sync_to_async(assert_totals_add_up)(organization)


def test_a_call_that_is_written_twice_is_counted_once(owner, organization):
    entry = replace(entry_of(owner, 100), call_id=uuid.uuid4())
    assert len(ledger.write([entry])) == 1
    assert ledger.write([entry]) == []
    assert DailyUsage.objects.get(holder=organization.pk).tokens == 100


def test_the_cost_of_embedding_counts_where_it_has_a_price(owner, organization):
    ModelPrice.objects.create(pattern="embedder", embedding_price=Decimal(2))
    limited(organization, limit_cost=Decimal("0.01"), limit_tokens=10)
    ledger.write(
        [
            Entry(
                organization_id=organization.pk,
                user_id=owner.pk,
                feature="embed_document",
                model="embedder",
                embedding_tokens=5000,
            )
        ]
    )
    tokens, money = budgets.standings(user=owner)
    assert (tokens.used, money.used) == (0, billionths(Decimal("0.01")))
    assert money.left == 0
    assert_totals_add_up(organization)


def test_an_upgrade_adds_the_ledger_up_by_day_once(owner, organization, settings):
    spent(owner, 100)
    spent(owner, 20)
    DailyUsage.objects.all().delete()  # as it was before there were totals
    yesterday = timezone.now() - datetime.timedelta(days=1)
    UsageRecord.objects.filter(prompt_tokens=20).update(created_at=yesterday, user=None)
    fill = import_module("rag.migrations.0019_estimates_of_calls").add_up_the_ledger
    for _ in range(2):
        fill(apps, connection.schema_editor())
        days = list(DailyUsage.objects.values_list("holder", "tokens"))
        assert len(days) == 3
        assert ids_of(days, 20) == {organization.pk}
        assert ids_of(days, 100) == {organization.pk, owner.pk}
    assert_totals_add_up(organization)


def ids_of(days, tokens: int) -> set[uuid.UUID]:
    return {holder for holder, counted in days if counted == tokens}


def assert_totals_add_up(organization) -> None:
    """The days' totals are the sum of the ledger, to the token and the billionth."""
    rows = UsageRecord.objects.of_language_models().filter(organization=organization)
    total = DailyUsage.objects.filter(holder=organization.pk)
    added = total.aggregate(tokens=Sum("tokens"), cost=Sum("cost"))
    assert (added["tokens"] or 0) == sum(r.prompt_tokens + r.completion_tokens for r in rows)
    every = UsageRecord.objects.filter(organization=organization)
    assert (added["cost"] or 0) == sum(billionths(r.cost) for r in every)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(0, 1), st.integers(1, 60)),
        st.tuples(st.just("settle"), st.integers(0, 9), st.floats(0, 1)),
        st.tuples(st.just("die"), st.integers(0, 9), st.none()),
    ),
    max_size=25,
)


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS, day=st.integers(0, 150), month=st.integers(0, 150), each=st.integers(0, 99))
def test_spent_and_held_never_pass_a_limit_whatever_happens_in_what_order(
    owner, colleague, organization, steps, day, month, each
):
    for model_class in (Reservation, UsageRecord, DailyUsage, Budget):
        model_class.objects.all().delete()
    limited(organization, period="day", limit_tokens=day)
    limited(organization, period="month", limit_tokens=month)
    limited(organization, applies_to="everybody", limit_tokens=each)
    people, held = (owner, colleague), []
    for what, which, amount in steps:
        if what == "reserve":
            key, person = uuid.uuid4(), people[which]
            try:
                budgets.reserve(
                    key=key, user=person, tokens=amount, cost=Decimal(0), estimate=ESTIMATE
                )
            except BudgetExceeded:
                pass
            else:
                held.append((key, person, amount))
        elif held and which < len(held):
            key, person, most = held.pop(which)
            if what == "settle":
                budgets.release([key])
                ledger.write([entry_of(person, int(most * amount))])
            else:
                Reservation.objects.filter(pk=key).update(expires_at=timezone.now())
        for person in people:
            for standing in budgets.standings(user=person):
                assert standing.used + standing.reserved <= standing.limit


# --- fifty at once ---
@pytest.mark.django_db(transaction=True)
def test_fifty_who_ask_at_once_cannot_overspend(owner, organization, settings):
    published(owner, LEAVE, filename="leave.md")
    settings.LLM_PROVIDER, settings.LLM_MODEL, settings.LLM_MAX_TOKENS = "openai", "m", 20
    settings.REQUEST_PLACES, settings.REQUEST_QUEUE = 200, 200
    settings.ANSWER_PLACES, settings.ANSWER_WAIT_S = 8, 60.0
    settings.SEARCH_QUEUE, settings.SEARCH_WAIT_S = 200, 60.0
    registry._instances.pop("openai", None)
    limited(organization, limit_tokens=5000)
    together = threading.Barrier(50, timeout=60)

    def one(_: int) -> int:
        try:
            client = client_of(owner)
            together.wait()
            return client.post("/api/chat", {"query": QUESTION}).status_code
        finally:
            connection.close()

    with ModelServer() as server, ThreadPoolExecutor(50) as threads:
        server.scripts = [answering(ANSWER, tokens=(900, 20)) for _ in range(50)]
        settings.LLM_BASE_URL = server.url
        statuses = list(threads.map(one, range(50)))
    answered = statuses.count(200)
    assert set(statuses) == {200, 429}
    assert answered == len(server.requests)
    assert 1 <= answered <= 5
    assert DailyUsage.objects.get(holder=organization.pk).tokens == 920 * answered <= 5000
    assert not Reservation.objects.exists()
    assert_totals_add_up(organization)
