"""The teams page: who shares documents with whom, kept by the organization's admins."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.forms import TeamForm, show_errors
from accounts.models import Membership, Team, User
from accounts.views.guards import organization_admin_required, user_of
from knowledge.lib.errors import InvalidInput
from knowledge.lib.htmx import with_toast

# How many emails the browser is given to complete from; any other can be typed.
SUGGESTED_PEOPLE = 500


@organization_admin_required
@require_http_methods(["GET", "POST"])
def teams(request: HttpRequest) -> HttpResponse:
    """List the teams and create one."""
    if request.method == "GET":
        return _teams_page(request)
    admin = user_of(request)
    form = TeamForm(request.POST, instance=Team(organization=admin.organization))
    if form.is_valid():
        try:
            team = services.create_team(actor=admin, name=form.cleaned_data["name"])
        except ValidationError as error:
            show_errors(form, error)
        else:
            return _done(request, f"The team {team.name} is created.")
    return _teams_page(request, form=form)


@organization_admin_required
@require_POST
def rename(request: HttpRequest, team_id: uuid.UUID) -> HttpResponse:
    """Give a team another name."""
    try:
        team = services.rename_team(
            team=_team(request, team_id),
            actor=user_of(request),
            name=request.POST.get("name", ""),
        )
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from None
    return _done(request, f"The team is now called {team.name}.")


@organization_admin_required
@require_POST
def delete(request: HttpRequest, team_id: uuid.UUID) -> HttpResponse:
    """Delete a team."""
    team = _team(request, team_id)
    services.delete_team(team=team, actor=user_of(request))
    return _done(request, f"The team {team.name} is deleted.")


@organization_admin_required
@require_POST
def add_member(request: HttpRequest, team_id: uuid.UUID) -> HttpResponse:
    """Put the person of an email into a team."""
    team = _team(request, team_id)
    email = request.POST.get("email", "").strip().lower()
    user = User.objects.visible_to(user_of(request)).filter(email=email).first()
    if user is None:
        raise InvalidInput("Nobody in your organization has this email.")
    services.add_member(team=team, user=user, actor=user_of(request))
    return _done(request, f"{user.display_name} is in {team.name}.")


@organization_admin_required
@require_POST
def remove_member(request: HttpRequest, team_id: uuid.UUID, user_id: uuid.UUID) -> HttpResponse:
    """Take a person out of a team."""
    team = _team(request, team_id)
    user = get_object_or_404(User.objects.visible_to(user_of(request)), pk=user_id)
    services.remove_member(team=team, user=user, actor=user_of(request))
    return _done(request, f"{user.display_name} is no longer in {team.name}.")


def _team(request: HttpRequest, team_id: uuid.UUID) -> Team:
    return get_object_or_404(Team.objects.visible_to(user_of(request)), pk=team_id)


def _done(request: HttpRequest, sentence: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return with_toast(_teams_page(request), sentence)
    messages.success(request, sentence)
    return redirect("accounts:teams")


def _teams_page(request: HttpRequest, *, form: TeamForm | None = None) -> HttpResponse:
    """Render the page, or for htmx its changing part."""
    people = User.objects.visible_to(user_of(request)).filter(is_active=True).order_by("email")
    page: dict[str, Any] = {
        "form": form or TeamForm(),
        "teams": _teams_with_members(request),
        "people": people[:SUGGESTED_PEOPLE],
    }
    template = "accounts/team_list.html"
    if request.headers.get("HX-Request") and not request.headers.get("HX-History-Restore-Request"):
        template += "#teams"
    return render(request, template, page, status=422 if form else 200)


def _teams_with_members(request: HttpRequest) -> QuerySet[Team]:
    members = Membership.objects.select_related("user").order_by("user__email")
    teams = Team.objects.visible_to(user_of(request)).order_by("name")
    return teams.prefetch_related(Prefetch("memberships", queryset=members))
