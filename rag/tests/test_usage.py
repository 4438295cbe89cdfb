import datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from rag.models import UsageRecord
from rag.tests.api import client_of

TODAY = timezone.now().date()
YESTERDAY = TODAY - datetime.timedelta(days=1)


def spent(user, *, day: datetime.date = TODAY, model: str = "m", tokens: int = 10) -> None:
    moment = datetime.datetime.combine(day, datetime.time(12), tzinfo=datetime.UTC)
    UsageRecord.objects.create(
        organization=user.organization,
        user=user,
        feature="chat",
        model=model,
        outcome="completed",
        prompt_tokens=tokens,
        completion_tokens=1,
        cost=Decimal("0.25"),
        created_at=moment,
    )


@pytest.fixture
def spending(owner, colleague, outsider) -> None:
    spent(owner, tokens=10)
    spent(owner, tokens=5)
    spent(owner, model="other")
    spent(owner, day=YESTERDAY)
    spent(colleague)
    spent(outsider)


def rows(user, **filters: str) -> list[tuple]:
    body = client_of(user).get("/api/usage", filters).json()
    assert set(body) == {"count", "next", "previous", "results"}
    return [
        (r["day"], r["user"], r["model"], r["calls"], r["prompt_tokens"]) for r in body["results"]
    ]


def test_usage_is_added_up_by_day_person_and_model(spending, owner):
    mail = owner.email
    assert rows(owner) == [
        (str(TODAY), mail, "m", 2, 15),
        (str(TODAY), mail, "other", 1, 10),
        (str(YESTERDAY), mail, "m", 1, 10),
    ]
    [first, *_] = client_of(owner).get("/api/usage").json()["results"]
    assert (first["completion_tokens"], first["cost"]) == (2, 0.5)


def test_an_administrator_sees_the_organization_and_no_other(spending, admin, owner, colleague):
    assert {row[1] for row in rows(admin)} == {owner.email, colleague.email}
    assert len(rows(admin)) == 4


def test_days_can_be_chosen(spending, owner):
    assert [row[0] for row in rows(owner, end=str(YESTERDAY))] == [str(YESTERDAY)]
    assert {row[0] for row in rows(owner, start=str(TODAY))} == {str(TODAY)}
    assert client_of(owner).get("/api/usage", {"start": "monday"}).status_code == 400
