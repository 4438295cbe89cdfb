"""Inviting people, and the page on which they join."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.forms import InvitationForm, JoinForm, show_errors
from accounts.invitation_mail import mail_invitation
from accounts.models import Invitation
from accounts.views.guards import organization_admin_required, user_of
from knowledge.lib import context

# Open invitations that the page lists; more than these nobody keeps an eye on.
_LISTED = 200


@organization_admin_required
@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_variables("link")
def invitations(request: HttpRequest) -> HttpResponse:
    """List the open invitations and write one, whose link is shown this once."""
    admin = user_of(request)
    form = InvitationForm(request.POST if request.method == "POST" else None, admin=admin)
    page: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        try:
            new = services.invite(actor=admin, **form.cleaned_data)
        except ValidationError as error:
            show_errors(form, error)
        else:
            link = request.build_absolute_uri(reverse("accounts:join", args=[new.token]))
            page = {
                "form": InvitationForm(admin=admin),
                "invited": new.invitation,
                "link": link,
                "mailed": mail_invitation(new.invitation, link),
            }
    open_ones = Invitation.objects.visible_to(admin).open().prefetch_related("teams")
    page |= {"open": open_ones[:_LISTED], "can_mail": bool(settings.EMAIL_HOST)}
    status = 422 if page["form"].errors else 200
    template = "accounts/invitation_list.html"
    if request.headers.get("HX-Request"):
        template += "#invitations"
    return render(request, template, page, status=status)


@organization_admin_required
@require_POST
def revoke(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """Take an invitation back."""
    admin = user_of(request)
    invitation = get_object_or_404(Invitation.objects.visible_to(admin), pk=invitation_id)
    services.revoke_invitation(invitation=invitation, actor=admin)
    messages.success(request, f"The invitation of {invitation.email} no longer works.")
    return redirect("accounts:invitations")


@login_not_required
@sensitive_post_parameters("password", "again")
@never_cache
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Let the person who has the link choose a name and a password, and sign them in."""
    if request.user.is_authenticated:
        # The same for every token: whoever is signed in learns nothing of it.
        messages.info(request, "You are signed in. Sign out first to accept an invitation.")
        return redirect(settings.LOGIN_REDIRECT_URL)
    invitation = services.find_invitation(token=token)
    form = JoinForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            user = services.accept_invitation(
                token=token,
                name=form.cleaned_data["name"],
                password=form.cleaned_data["password"],
            )
        except ValidationError as error:
            show_errors(form, error)
        else:
            services.note_sign_in(user=user)
            login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
            context.set_user(user)
            return redirect(settings.LOGIN_REDIRECT_URL)
    status = 422 if form.errors else 200
    page = {"form": form, "invitation": invitation}
    response = render(request, "accounts/join.html", page, status=status)
    # SECURITY: the address is the secret.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
