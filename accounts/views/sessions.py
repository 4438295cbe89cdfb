"""Signing in and out, and what a person changes about themselves."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.exceptions import OrganizationSuspended
from accounts.forms import LoginForm, NameForm, OwnPasswordForm, show_errors
from accounts.models import Team, User
from accounts.views.guards import user_of
from knowledge.lib import context
from knowledge.lib.errors import AppError, TooManyRequests


@login_not_required
@sensitive_post_parameters("password")
@never_cache
@ensure_csrf_cookie
@require_http_methods(["GET", "POST"])
def login_page(request: HttpRequest) -> HttpResponse:
    """Sign a person in and send them where they wanted to go."""
    if request.user.is_authenticated:
        return redirect(_next_page(request))
    form = LoginForm(request.POST or None)
    refused: AppError | None = None
    if form.is_valid():
        try:
            user = services.check_credentials(
                email=form.cleaned_data["email"], password=form.cleaned_data["password"]
            )
        except (OrganizationSuspended, TooManyRequests) as refusal:
            form.add_error(None, refusal.message)
            refused = refusal
        else:
            if user is not None:
                # SECURITY: this also changes the session key and the CSRF token.
                login(request, user)
                context.set_user(user)
                return redirect(_next_page(request))
            form.add_error(None, "The email or the password is wrong.")
    status = 422 if form.errors else 200
    page = {"form": form, "next": request.POST.get("next", request.GET.get("next", ""))}
    if refused is not None and refused.retry_after_s:
        status = refused.status
    response = render(request, "accounts/login.html", page, status=status)
    if refused is not None and refused.retry_after_s:
        response.headers["Retry-After"] = str(refused.retry_after_s)
    return response


@require_POST
@never_cache
def logout_page(request: HttpRequest) -> HttpResponse:
    """End the session."""
    services.note_sign_out(user=user_of(request))
    logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Show a person what is known of them, and let them change their name."""
    user = user_of(request)
    if request.method == "GET":
        return _profile_page(request)
    form = NameForm(request.POST, instance=User(pk=user.pk, organization=user.organization))
    form.fields["name"].required = False
    if not form.is_valid():
        return _profile_page(request, name_form=form)
    services.rename_user(user=user, actor=user, name=form.cleaned_data["name"])
    messages.success(request, "Your name is saved.")
    return redirect("accounts:profile")


@sensitive_post_parameters("old_password", "new_password1", "new_password2")
@require_POST
def change_password(request: HttpRequest) -> HttpResponse:
    """Change one's own password; other sessions and all tokens end, this session goes on."""
    user = user_of(request)
    form = OwnPasswordForm(user, request.POST)
    if form.is_valid():
        try:
            services.set_password(
                user=user, actor=user, password=form.cleaned_data["new_password1"]
            )
        except ValidationError as error:
            show_errors(form, error)
        else:
            update_session_auth_hash(request, user)
            messages.success(request, "Your password is changed. Other sessions have ended.")
            return redirect("accounts:profile")
    return _profile_page(request, password_form=form)


@require_POST
@never_cache
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session and token of the person, this session too."""
    user = user_of(request)
    services.sign_out_everywhere(user=user, actor=user)
    logout(request)
    messages.success(request, "You are signed out on every device, and your API tokens have ended.")
    return redirect(settings.LOGOUT_REDIRECT_URL)


def _profile_page(
    request: HttpRequest,
    *,
    name_form: NameForm | None = None,
    password_form: OwnPasswordForm | None = None,
) -> HttpResponse:
    user = user_of(request)
    page = {
        "name_form": name_form or NameForm(instance=user),
        "password_form": password_form or OwnPasswordForm(user),
        "teams": Team.objects.filter(memberships__user=user),
    }
    status = 422 if name_form or password_form else 200
    return render(request, "accounts/user_profile.html", page, status=status)


def _next_page(request: HttpRequest) -> str:
    """Return where to go after signing in. SECURITY: never to another site."""
    wanted = request.POST.get("next", request.GET.get("next", ""))
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else resolve_url(settings.LOGIN_REDIRECT_URL)
