"""Django admin for organization admins: what it shows and offers ends at their organization."""

import uuid
from collections.abc import Callable
from typing import Any, Protocol, cast

from django.contrib import admin, messages
from django.contrib.admin.exceptions import NotRegistered
from django.core.exceptions import ValidationError
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from knowledge.lib.errors import AppError


class AdminUser(Protocol):
    """What is asked of a user here; the model itself belongs to an app."""

    is_in_service: bool
    is_superuser: bool
    is_organization_admin: bool
    organization_id: uuid.UUID | None


class OrganizationScope:
    """The rule: a superuser works on everything, an organization's admin on their organization.

    SECURITY: rows, choices of related objects and filters all start from `get_queryset`; a related
    model whose own admin is not scoped offers nothing.
    """

    # Leads from the model to its organization's key, for example "team__organization".
    organization_path = "organization"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows that exist for this person; another organization's do not."""
        rows = super().get_queryset(request)  # type: ignore[misc]
        user = user_of(request)
        # Asked here too: the history page looks a row up before it asks for permission.
        if not self.may_administer(request):
            return cast("QuerySet[Any]", rows.none())
        if user.is_superuser:
            return cast("QuerySet[Any]", rows)
        return cast("QuerySet[Any]", rows.filter(**{self.organization_path: user.organization_id}))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may_administer(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may_administer(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may_administer(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may_administer(request)

    def may_administer(self, request: HttpRequest) -> bool:
        """Return whether the person administers anything; which rows, `get_queryset` says."""
        user = user_of(request)
        return user.is_in_service and (user.is_superuser or user.is_organization_admin)

    def formfield_for_foreignkey(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["queryset"] = self._offered(db_field, request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["queryset"] = self._offered(db_field, request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]

    def _offered(self, db_field: "Field[Any, Any]", request: HttpRequest) -> QuerySet[Any]:
        model = cast("type[Model]", db_field.related_model)
        rows = model._default_manager.all()
        if user_of(request).is_superuser:
            return rows
        try:
            related = self.admin_site.get_model_admin(model)  # type: ignore[attr-defined]
        except NotRegistered:
            return rows.none()
        if not isinstance(related, OrganizationScope):
            return rows.none()
        return related.get_queryset(request)


class OrganizationScopedAdmin(OrganizationScope, admin.ModelAdmin):
    """Base of every model's admin: scoped rows and choices, and errors as messages."""

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """SECURITY: Django would offer every row of a related model; offer those in scope."""
        return [self._scoped_filter(item) for item in super().get_list_filter(request)]

    def _scoped_filter(self, item: Any) -> Any:
        if not isinstance(item, str) or "__" in item:
            return item
        if not self.opts.get_field(item).is_relation:
            return item
        return (item, admin.RelatedOnlyFieldListFilter)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """SECURITY: `?password__startswith=` would read a hash sign by sign."""
        return "password" not in lookup and super().lookup_allowed(lookup, value, request)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._with_refusal_shown(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._with_refusal_shown(request, super().delete_view, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._with_refusal_shown(request, super().changelist_view, *args, **kwargs)

    def _with_refusal_shown(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Call the view; what a service refuses becomes a message above the page it came from."""
        if request.method != "POST":
            return view(request, *args, **kwargs)
        try:
            return view(request, *args, **kwargs)
        except (AppError, ValidationError) as error:
            sentences = error.messages if isinstance(error, ValidationError) else [error.message]
            for sentence in sentences:
                messages.error(request, sentence)
            return HttpResponseRedirect(request.get_full_path())


class OrganizationScopedInline(OrganizationScope, admin.TabularInline):
    """Rows of a related model inside the page of another, scoped alike."""

    extra = 0


class ReadOnlyAdmin(OrganizationScopedAdmin):
    """History: nobody adds to it, changes it or takes from it by hand."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def is_operator(request: HttpRequest) -> bool:
    """Return whether the person operates the whole platform."""
    user = user_of(request)
    return user.is_in_service and user.is_superuser


def user_of(request: HttpRequest) -> AdminUser:
    """Return the request's user; Django admin lets only signed-in staff come this far."""
    return cast("AdminUser", request.user)
