"""The usage page: what was used and what budgets have left; for admins, of everybody."""

import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts import audit
from accounts.models import User
from knowledge.lib.spreadsheets import csv_download
from rag import budgets
from rag.forms import UsageFilterForm
from rag.models import UsageRecord
from rag.services.unanswered import count_unanswered
from rag.services.usage_report import (
    Filters,
    csv_lines,
    most_cited_documents,
    totals,
    totals_by,
)
from rag.standing import money_text
from rag.views.charts import day_chart, shares
from rag.views.requests import PageRequest

_DAYS = 30
_MOST_PEOPLE = 1_000  # to choose from
_GONE = "People who have gone"


@never_cache
@require_GET
def usage(request: PageRequest) -> HttpResponse:
    """Show one's own usage, or the organization's to its admins."""
    user, form = request.user, UsageFilterForm(request.GET)
    filters = _filters(form)
    context = {
        "form": form,
        "filters": filters,
        "query": _query(filters),
        "time_zone": settings.TIME_ZONE,
        "totals": _with_money(totals(user=user, filters=filters)),
        "standings": budgets.standings(user=user),
        "documents": most_cited_documents(user=user, filters=filters),
        "unanswered": count_unanswered(user=user, start=filters.start, end=filters.end),
        **_groups(user, filters),
        **_choices(user),
    }
    return render(request, "rag/usage.html", context)


@require_GET
def export(request: PageRequest) -> StreamingHttpResponse:
    """Send usage by day, person, model, feature and outcome as CSV."""
    filters = _filters(UsageFilterForm(request.GET))
    audit.record(
        action="usage.exported",
        actor=request.user,
        start=filters.start and filters.start.isoformat(),
        end=filters.end and filters.end.isoformat(),
    )
    name = f"usage-{filters.start}-{filters.end}.csv"
    return csv_download(csv_lines(user=request.user, filters=filters), name)


def _filters(form: UsageFilterForm) -> Filters:
    """Return what the form says; by default, and where it says nothing sensible, thirty days."""
    form.is_valid()
    given = getattr(form, "cleaned_data", {})
    end = given.get("end") or timezone.localdate()
    start = given.get("start") or end - datetime.timedelta(days=_DAYS - 1)
    return Filters(
        start=min(start, end),
        end=end,
        user=given.get("user") or "",
        model=given.get("model") or "",
        feature=given.get("feature") or "",
    )


def _query(filters: Filters) -> str:
    assert filters.start is not None  # noqa: S101 - `_filters` gives both  # nosec B101
    assert filters.end is not None  # noqa: S101  # nosec B101
    given = {"start": filters.start.isoformat(), "end": filters.end.isoformat()}
    given |= {"user": filters.user, "model": filters.model, "feature": filters.feature}
    return urlencode({name: value for name, value in given.items() if value})


def _groups(user: User, filters: Filters) -> dict[str, Any]:
    days = totals_by(user=user, filters=filters, group="day")
    chart = day_chart(
        {day: found.tokens for day, found in days},
        filters.start or timezone.localdate(),
        filters.end or timezone.localdate(),
    )
    labels: dict[Any, str] = {None: _GONE, **dict(UsageRecord.Feature.choices)}
    tables = []
    for group, title in (("user", "Person"), ("model", "Model"), ("feature", "Used for")):
        if group == "user" and not user.is_organization_admin:
            continue
        rows = totals_by(user=user, filters=filters, group=group)
        table = shares(
            [
                (
                    labels.get(value, value),
                    found.tokens or found.embedding_tokens,
                    _with_money(found),
                )
                for value, found in rows
            ]
        )
        tables.append({"group": group, "title": title, "rows": table})
    return {
        "chart": chart,
        "days": [(day, _with_money(found)) for day, found in reversed(days)],
        "tables": tables,
    }


def _with_money(found: Any) -> dict[str, Any]:
    return {"sums": found, "money": money_text(found.cost)}


def _choices(user: User) -> dict[str, Any]:
    mine = UsageRecord.objects.visible_to(user).order_by()
    people: list[str] = []
    if user.is_organization_admin:
        emails = User.objects.visible_to(user).order_by("email").values_list("email", flat=True)
        people = list(emails[:_MOST_PEOPLE])
    return {
        "people": people,
        "models": sorted(mine.values_list("model", flat=True).distinct()),
        "features": UsageRecord.Feature.choices,
    }
