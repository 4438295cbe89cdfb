"""The Django admin site: the same door as the pages, and the same people behind it."""

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode

from knowledge.lib.errors import NotAllowed

# SECURITY: the token tables hold signed tokens; groups give no rights here, so that nobody may
# think that they do.
_HIDDEN = (
    "auth.Group",
    "token_blacklist.OutstandingToken",
    "token_blacklist.BlacklistedToken",
)


class AdminSite(admin.AdminSite):
    """Administration of organizations, people, documents and answers."""

    site_title = "Knowledge administration"
    site_header = "Knowledge administration"
    index_title = "Everything you administer"

    @method_decorator(login_not_required)
    def login(
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Send to the login page, the one place where credentials are checked."""
        if self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index", current_app=self.name))
        if request.user.is_authenticated:
            raise NotAllowed()
        back = request.GET.get("next") or reverse("admin:index", current_app=self.name)
        return redirect(f"{reverse('accounts:login')}?{urlencode({'next': back})}")

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Send to the profile, where one's own password is changed."""
        return redirect("accounts:profile")

    def logout(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Sign out as the pages do; 307 keeps the POST."""
        return HttpResponse(status=307, headers={"Location": reverse("accounts:logout")})


def unregister_hidden() -> None:
    """Take off the site what other packages put on it and nobody should see."""
    for label in _HIDDEN:
        model = apps.get_model(label)
        if admin.site.is_registered(model):
            admin.site.unregister(model)
