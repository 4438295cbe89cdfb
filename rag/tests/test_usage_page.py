"""The usage page, its file and the API say the same, and that is the sum of the ledger."""

import csv
import datetime
import io
import re
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent
from rag.llm.base import TokenUsage
from rag.models import Budget, UsageRecord
from rag.services.turns import run_turn, start_turn
from rag.tests.api import client_of
from rag.tests.library import published
from rag.views.charts import day_chart

QUESTION = "How many days of paid leave does every employee have?"
LEAVE = "Every employee has 30 days of paid leave a year."
ANSWER = "Every employee has 30 days of paid leave [1]."
COLUMNS = ("prompt_tokens", "completion_tokens", "embedding_tokens")
PAGE = "/usage/"


@pytest.fixture
def asked(owner, colleague, outsider, model, settings) -> None:
    """Calls of several people, models and features, of which some failed."""
    settings.LLM_PROMPT_PRICE, settings.LLM_COMPLETION_PRICE = Decimal("0.15"), Decimal("0.6")
    published(owner, LEAVE, filename="leave.md", visibility="organization")
    published(outsider, LEAVE, filename="theirs.md")
    for number, person in enumerate((owner, colleague, owner, outsider)):
        model.enqueue(ANSWER, usage=TokenUsage(1001 + number, 13 + number))
        message = start_turn(user=person, query=QUESTION)
        assert run_turn(user=person, message_id=message.pk).grounded


def sums(**filters) -> tuple:
    rows = UsageRecord.objects.filter(**filters)
    added = rows.aggregate(*(Sum(column) for column in COLUMNS))
    return tuple(added[f"{column}__sum"] for column in COLUMNS)


@pytest.mark.parametrize(
    "groups", ["day", "user", "model", "feature", "outcome", "day,user,model,feature,outcome"]
)
def test_every_grouping_adds_up_to_the_ledger_to_the_token(asked, admin, organization, groups):
    rows = client_of(admin).get("/api/usage", {"group_by": groups, "page_size": 200}).json()
    found = tuple(sum(row[column] for row in rows["results"]) for column in COLUMNS)
    assert found == sums(organization=organization)
    assert sum(row["calls"] for row in rows["results"]) == (
        UsageRecord.objects.filter(organization=organization).count()
    )


def test_the_file_adds_up_to_the_ledger(asked, admin, organization, page_as):
    response = page_as(admin).get(reverse("reports:usage_export"))
    assert response.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
    assert tuple(sum(int(row[c]) for row in rows) for c in COLUMNS) == sums(
        organization=organization
    )
    cost = sum(Decimal(row["cost"]) for row in rows)
    assert cost == sum(r.cost for r in UsageRecord.objects.filter(organization=organization))
    assert AuditEvent.objects.filter(action="usage.exported", actor=admin).exists()


def test_the_page_shows_the_sum_and_its_parts(asked, admin, organization, page_as):
    page = page_as(admin).get(PAGE).content.decode()
    prompt, completion, _ = sums(organization=organization)
    assert f'<span class="figure-number">{prompt + completion:,}</span>' in page
    for shown in ("owner@acme.test", "colleague@acme.test", "Answers", "fake", "leave.md"):
        assert shown in page
    for hidden in ("outsider@rival.test", "theirs.md"):
        assert hidden not in page
    assert page.count("<rect x=") == 30


def test_a_person_sees_their_own_alone(asked, owner, page_as):
    page = page_as(owner).get(PAGE).content.decode()
    prompt, completion, _ = sums(user=owner)
    assert f'<span class="figure-number">{prompt + completion:,}</span>' in page
    assert "colleague@acme.test" not in page
    assert "unanswered" not in page.lower()
    lines = page_as(owner).get(reverse("reports:usage_export")).getvalue().decode()
    assert "colleague@acme.test" not in lines


def test_filters_choose(asked, admin, owner, page_as):
    query = {"user": owner.email, "feature": "chat"}
    prompt, completion, _ = sums(user=owner, feature="chat")
    page = page_as(admin).get(PAGE, query).content.decode()
    assert f'<span class="figure-number">{prompt + completion:,}</span>' in page
    before = {"start": "2020-01-01", "end": "2020-02-01"}
    assert "No language model was used" in page_as(admin).get(PAGE, before).content.decode()


@pytest.mark.parametrize(
    "query", [{"start": "monday"}, {"start": "2026-02-01", "end": "2026-01-01"}, {"feature": "x"}]
)
def test_nonsense_in_the_address_is_no_error(asked, admin, page_as, query):
    assert page_as(admin).get(PAGE, query).status_code == 200
    assert page_as(admin).get(reverse("reports:usage_export"), query).status_code == 200


@pytest.mark.parametrize("group", ["week", "day,week"])
def test_only_groups_that_there_are_can_be_asked_for(admin, group):
    assert client_of(admin).get("/api/usage", {"group_by": group}).status_code == 400


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_no_cell_of_the_file_is_a_formula(admin, organization, page_as, name):
    UsageRecord.objects.create(
        organization=organization, feature="chat", model=name, outcome="completed"
    )
    lines = page_as(admin).get(reverse("reports:usage_export")).getvalue().decode()
    [row] = csv.DictReader(io.StringIO(lines))
    assert row["model"] == f"'{name}"


def test_a_bar_for_each_day_and_the_highest_is_full():
    start = datetime.date(2026, 2, 27)
    chart = day_chart({datetime.date(2026, 3, 1): 1000}, start, datetime.date(2026, 3, 2))
    assert [column.height for column in chart.columns] == [0, 0, chart.height, 0]
    assert re.search("1,000", chart.most_text)


# --- budgets ---
BUDGETS = "/usage/budgets/"


def given(**more) -> dict[str, str]:
    return {"applies_to": "everybody", "period": "day", "limit_tokens": "20000", **more}


def test_an_admin_sets_changes_and_deletes_a_budget_on_the_page(admin, organization, page_as):
    client = page_as(admin)
    assert client.post(BUDGETS, given(limit_cost="1.5")).status_code == 302
    budget = Budget.objects.get()
    assert (budget.organization, budget.limit_tokens) == (organization, 20_000)
    page = client.get(BUDGETS).content.decode()
    for shown in ("Each person", "20,000 tokens", "16,000 tokens", "1.50 USD", "1.20 USD"):
        assert shown in page
    assert client.post(f"{BUDGETS}{budget.pk}/", given(limit_tokens="5")).status_code == 302
    budget.refresh_from_db()
    assert (budget.limit_tokens, budget.limit_cost) == (5, None)
    assert client.post(f"{BUDGETS}{budget.pk}/delete/").status_code == 302
    assert not Budget.objects.exists()
    trail = AuditEvent.objects.filter(action__startswith="budget.").order_by("pk")
    assert [event.action for event in trail] == [
        *("budget.created", "budget.changed", "budget.deleted")
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit_tokens": ""},
        {"limit_tokens": "-1"},
        {"applies_to": "person"},
        {"period": "year"},
        {"limit_cost": "x"},
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(admin, page_as, wrong):
    response = page_as(admin).post(BUDGETS, given(**wrong))
    assert response.status_code == 422
    assert "errorlist" in response.content.decode()
    assert not Budget.objects.exists()


def test_there_is_one_budget_of_a_kind(admin, page_as):
    assert page_as(admin).post(BUDGETS, given()).status_code == 302
    response = page_as(admin).post(BUDGETS, given())
    assert "There is such a budget already" in response.content.decode()


def test_nobody_of_another_organization_can_be_limited(admin, outsider, page_as):
    wanted = given(applies_to="person", user=str(outsider.pk))
    response = page_as(admin).post(BUDGETS, wanted)
    assert response.status_code == 422
    assert outsider.email not in response.content.decode()
    assert not Budget.objects.exists()


def test_ones_own_budget_is_on_the_page(owner, organization, page_as):
    Budget.objects.create(
        organization=organization, applies_to="everybody", period="day", limit_tokens=20_000
    )
    page = page_as(owner).get(PAGE).content.decode()
    assert "Your daily budget of tokens" in page
    assert "0 tokens used, 20,000 tokens left of 20,000 tokens" in page
    assert str(timezone.localdate().year) in page
