"""Django admin of organizations, people, teams and the audit trail; it writes through services."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Model
from django.forms import BaseModelFormSet
from django.http import HttpRequest, HttpResponse

from accounts import services
from accounts.forms import OrganizationAddForm, UserAddForm, UserChangeForm
from accounts.models import AuditEvent, Membership, Organization, Team, User
from knowledge.lib.admin import (
    OrganizationScopedAdmin,
    OrganizationScopedInline,
    ReadOnlyAdmin,
    is_operator,
    user_of,
)


@admin.register(Organization)
class OrganizationAdmin(OrganizationScopedAdmin):
    """Organizations, for the operator to create, rename, suspend and delete; admins see theirs."""

    organization_path = "pk"
    list_display = ["name", "created_at", "suspended_at", "removal_requested_at"]
    search_fields = ["name"]
    readonly_fields = ["created_at", "suspended_at", "removal_requested_at"]
    actions = ["suspend", "reinstate"]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        if obj is None:
            return ["name", "admin_email", "admin_password"]
        return ["name", *self.readonly_fields]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if not change:
            kwargs["form"] = OrganizationAddForm
        return super().get_form(request, obj, change, **kwargs)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_operator(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """SECURITY: whether a name is taken tells of other organizations."""
        return is_operator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_operator(request)

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        actor, values = _actor(request), form.cleaned_data
        if change:
            stored = Organization.objects.get(pk=obj.pk)
            services.rename_organization(organization=stored, actor=actor, name=values["name"])
            return
        account = services.create_organization(
            name=values["name"],
            admin_email=values["admin_email"],
            admin_password=values["admin_password"],
            actor=actor,
        )
        _become(obj, cast("Organization", account.user.organization))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[Any], list[Any]]:
        """Name what goes with it in figures: the removal deletes all of it, rows and files."""
        chosen = list(objs)
        people = User.objects.filter(organization__in=chosen).count()
        counted = {"organizations, with all of their documents": len(chosen), "people": people}
        return [str(organization) for organization in chosen], counted, set(), []

    def delete_model(self, request: HttpRequest, obj: Organization) -> None:
        services.request_removal(organization=obj, actor=_actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for organization in queryset:
            self.delete_model(request, organization)

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **kwargs: Any) -> None:
        """Say that a deletion has only begun, where Django would say that it is done."""
        if "deleted" in str(message):
            message = "A worker deletes it now; the list shows it until nothing of it is left."
        super().message_user(request, message, *args, **kwargs)

    @admin.action(description="Suspend: nobody gets in", permissions=["delete"])
    def suspend(self, request: HttpRequest, queryset: Any) -> None:
        """Put the chosen organizations to rest."""
        for organization in queryset:
            services.suspend_organization(organization=organization, actor=_actor(request))

    @admin.action(description="Lift the suspension", permissions=["delete"])
    def reinstate(self, request: HttpRequest, queryset: Any) -> None:
        """Let the people of the chosen organizations in again."""
        for organization in queryset:
            services.reinstate_organization(organization=organization, actor=_actor(request))


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

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the form; who was told that an address is taken is recorded."""
        refused = context["adminform"].form.errors.as_data().get("email", [])
        if any(error.code == "unique" for error in refused):
            actor = _actor(request)
            services.note_taken_address(actor=actor, organization=actor.organization)
        return super().render_change_form(request, context, *args, **kwargs)

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
    assert isinstance(request.user, User)  # noqa: S101 - the site lets nobody else in  # nosec B101
    return request.user


def _become(obj: Model, saved: Model) -> None:
    """Let the form's object stand for the row that the service wrote."""
    obj.pk = saved.pk
    obj._state.adding = False
