"""Django admin of organizations, people, teams and the audit trail; it writes through services."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.forms import BaseModelFormSet
from django.http import HttpRequest

from accounts import services
from accounts.forms import UserAddForm, UserChangeForm
from accounts.models import AuditEvent, Membership, Organization, Team, User
from knowledge.lib.admin import (
    OrganizationScopedAdmin,
    OrganizationScopedInline,
    ReadOnlyAdmin,
    user_of,
)


@admin.register(Organization)
class OrganizationAdmin(OrganizationScopedAdmin):
    """Organizations: created with their first admin by `manage.py create_organization`."""

    organization_path = "pk"
    list_display = ["name", "created_at"]
    search_fields = ["name"]
    readonly_fields = ["created_at"]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # one without an admin could not be administered

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # its documents, files and trail would go with it


@admin.register(User)
class UserAdmin(OrganizationScopedAdmin):
    """People: deactivated rather than deleted, so that the trail keeps its names."""

    list_display = ["email", "name", "role", "is_active", "organization", "last_login"]
    list_filter = ["role", "is_active", "organization"]
    search_fields = ["email", "name"]
    ordering = ["email"]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """SECURITY: who may set `is_superuser` owns the platform; only superusers see it."""
        fields = ["email", "name", "organization", "role", "new_password"]
        if obj is not None:
            fields += ["is_active", "last_login", "date_joined"]
            if user_of(request).is_superuser:
                fields.append("is_superuser")
        if not self.has_change_permission(request, obj):
            fields.remove("new_password")
        return fields

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        # A person's documents and conversations belong to the organization, so nobody moves.
        return ["organization", "last_login", "date_joined"] if obj is not None else []

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        kwargs["form"] = UserChangeForm if change else UserAddForm
        return super().get_form(request, obj, change, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        home = user_of(request).organization_id
        return {**super().get_changeform_initial_data(request), "organization": home}

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """SECURITY: an admin who could change a superuser's password could become one."""
        if isinstance(obj, User) and obj.is_superuser and not user_of(request).is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save through the services, which check rights, keep an admin and record the act."""
        values, actor = form.cleaned_data, _actor(request)
        password = values.get("new_password") or None
        if not change:
            account = services.create_user(
                actor=actor,
                email=values["email"],
                name=values["name"],
                role=values["role"],
                organization=values["organization"],
                password=password,
            )
            _become(obj, account.user)
            return
        stored = User.objects.get(pk=obj.pk)
        services.update_user(
            user=stored,
            actor=actor,
            name=values["name"],
            email=values["email"],
            role=values["role"],
            is_active=values["is_active"],
            password=password,
        )
        if "is_superuser" in form.changed_data:
            services.set_superuser(user=stored, actor=actor, is_superuser=values["is_superuser"])


class MembershipInline(OrganizationScopedInline):
    """The people of a team."""

    model = Membership
    organization_path = "team__organization"
    fields = ["user"]
    autocomplete_fields = ["user"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # a membership is added or removed


@admin.register(Team)
class TeamAdmin(OrganizationScopedAdmin):
    """Teams and who is in them."""

    list_display = ["name", "organization", "created_at"]
    list_filter = ["organization"]
    search_fields = ["name"]
    fields = ["name", "organization"]
    inlines = [MembershipInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["organization"] if obj is not None else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        home = user_of(request).organization_id
        return {**super().get_changeform_initial_data(request), "organization": home}

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        actor, name = _actor(request), form.cleaned_data["name"]
        if change:
            services.rename_team(team=Team.objects.get(pk=obj.pk), actor=actor, name=name)
        else:
            home = form.cleaned_data["organization"]
            _become(obj, services.create_team(actor=actor, name=name, organization=home))

    def delete_model(self, request: HttpRequest, obj: Team) -> None:
        services.delete_team(team=obj, actor=_actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for team in queryset:
            services.delete_team(team=team, actor=_actor(request))

    def save_formset(
        self, request: HttpRequest, form: Any, formset: BaseModelFormSet, change: bool
    ) -> None:
        formset.save(commit=False)
        team, actor = form.instance, _actor(request)
        for membership in formset.deleted_objects:
            services.remove_member(team=team, user=membership.user, actor=actor)
        for membership in formset.new_objects:
            services.add_member(team=team, user=membership.user, actor=actor)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """The audit trail."""

    list_display = ["created_at", "action", "actor", "object_type", "object_id", "address"]
    list_filter = ["action", "organization"]
    search_fields = ["action", "object_id", "request_id", "actor__email"]
    date_hierarchy = "created_at"
    list_select_related = ["actor"]


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the site lets nobody else in
    return request.user


def _become(obj: Model, saved: Model) -> None:
    """Let the form's object stand for the row that the service wrote."""
    obj.pk = saved.pk
    obj._state.adding = False
