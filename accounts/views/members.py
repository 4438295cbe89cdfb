"""The members page: the people of an organization, for its admins."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.forms import MemberForm, show_errors
from accounts.models import User
from accounts.services import NewAccount
from accounts.views.guards import organization_admin_required, user_of
from knowledge.lib.htmx import with_toast

PAGE_SIZE = 50


@organization_admin_required
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def members(request: HttpRequest) -> HttpResponse:
    """List the people and create one."""
    if request.method == "GET":
        return _members_page(request)
    admin = user_of(request)
    form = MemberForm(request.POST, instance=User(organization=admin.organization))
    if form.is_valid():
        try:
            account = services.create_user(actor=admin, **form.cleaned_data)
        except ValidationError as error:
            show_errors(form, error)
        else:
            if account.generated_password:
                return _members_page(request, account=account)
            return _done(request, f"{account.user.email} can sign in now.")
    return _members_page(request, form=form)


@organization_admin_required
@require_POST
def change_role(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Make a person an administrator or an ordinary user."""
    user = _person(request, user_id)
    services.change_role(user=user, actor=user_of(request), role=request.POST.get("role", ""))
    return _done(request, f"{user.display_name} is now: {user.get_role_display()}.")


@organization_admin_required
@require_POST
def deactivate(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Shut a person out, at once."""
    user = services.deactivate_user(user=_person(request, user_id), actor=user_of(request))
    return _done(request, f"{user.display_name} is signed out everywhere and cannot sign in.")


@organization_admin_required
@require_POST
def reactivate(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Let a person in again."""
    user = services.reactivate_user(user=_person(request, user_id), actor=user_of(request))
    return _done(request, f"{user.display_name} can sign in again.")


@organization_admin_required
@require_POST
@never_cache
def reset_password(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Give a person a generated password and show it, this once."""
    user = _person(request, user_id)
    account = services.reset_password(user=user, actor=user_of(request))
    return _members_page(request, account=account)


def _person(request: HttpRequest, user_id: uuid.UUID) -> User:
    return get_object_or_404(User.objects.visible_to(user_of(request)), pk=user_id)


def _done(request: HttpRequest, sentence: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return with_toast(_members_page(request), sentence)
    messages.success(request, sentence)
    response = redirect("accounts:members")
    response.headers["Location"] += _place(request)
    return response


def _members_page(
    request: HttpRequest, *, form: MemberForm | None = None, account: NewAccount | None = None
) -> HttpResponse:
    """Render the page, or for htmx its changing part.

    SECURITY: a generated password stands in this one answer, never in a message or the session.
    """
    search = request.GET.get("q", "").strip()
    page: dict[str, Any] = {
        "form": form or MemberForm(),
        "account": account,
        "search": search,
        "place": _place(request),
        "people": Paginator(_people(request, search), PAGE_SIZE).get_page(request.GET.get("page")),
        "roles": User.Role.choices,
    }
    template = "accounts/user_list.html"
    if request.headers.get("HX-Request") and not request.headers.get("HX-History-Restore-Request"):
        template += "#members"
    return render(request, template, page, status=422 if form else 200)


def _people(request: HttpRequest, search: str) -> QuerySet[User]:
    people = User.objects.visible_to(user_of(request))
    if search:
        people = people.filter(Q(email__icontains=search) | Q(name__icontains=search))
    return people.order_by("-is_active", "email")


def _place(request: HttpRequest) -> str:
    """Return the query string of the part of the list that is looked at."""
    kept = {name: request.GET[name] for name in ("q", "page") if request.GET.get(name)}
    return f"?{urlencode(kept)}" if kept else ""
