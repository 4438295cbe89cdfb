"""The audit page: who did what, for the organization's admins, and the same as a file."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.acts import ACTS
from accounts.audit.export import TYPES
from accounts.audit_answers import export_answer, matching
from accounts.forms import AuditFilterForm
from accounts.models import AuditEvent, Team, User
from accounts.querysets import AuditEventQuerySet
from accounts.views.guards import organization_admin_required, user_of
from knowledge.lib.errors import InvalidInput

PAGE_SIZE = 50


@organization_admin_required
@never_cache
@require_GET
def trail(request: HttpRequest) -> HttpResponse:
    """Show the trail, the latest first."""
    filters = AuditFilterForm(request.GET)
    events = _found(user_of(request), filters.chosen).with_actors().latest_first()
    page = Paginator(events, PAGE_SIZE).get_page(request.GET.get("page"))
    _name_objects(user_of(request), list(page.object_list))
    context = {
        "filters": filters,
        "is_filtered": bool(filters.chosen),
        "events": page,
        "query": urlencode(filters.chosen),
        "acts": ACTS,
    }
    part = "#events" if request.headers.get("HX-Target") == "events" else ""
    return render(request, f"accounts/audit_list.html{part}", context)


@organization_admin_required
@require_GET
def export(request: HttpRequest) -> HttpResponseBase:
    """Send what the filters choose as a file."""
    kind = request.GET.get("type", "jsonl")
    if kind not in TYPES:
        raise InvalidInput(f"The type must be one of {', '.join(TYPES)}.")
    chosen = AuditFilterForm(request.GET).chosen
    return export_answer(user_of(request), kind, _found(user_of(request), chosen), chosen)


def _name_objects(admin: User, events: Sequence[AuditEvent]) -> None:
    """Call people and teams by their names: those that are there, and the admin's to see."""
    asked = {event.details.get("user_id", "") for event in events} - {""}
    asked |= {event.object_id for event in events if event.object_type == "user"}
    people = {
        str(person.pk): person.display_name
        for person in User.objects.visible_to(admin).filter(pk__in=asked)
    }
    of_teams = {event.object_id for event in events if event.object_type == "team"}
    teams = {
        str(team.pk): team.name for team in Team.objects.visible_to(admin).filter(pk__in=of_teams)
    }
    for event in events:
        named = {"user": people, "team": teams}.get(event.object_type, {})
        event.object_name = named.get(event.object_id, "")
        event.person_name = people.get(event.details.get("user_id", ""), "")


def _found(admin: User, chosen: dict[str, Any]) -> AuditEventQuerySet:
    events = AuditEvent.objects.visible_to(admin)
    return matching(events, admin, **chosen)
