"""Django admin of changes of the embedding model: start one, watch it, cancel it, undo it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from accounts.views.guards import user_of
from knowledge.lib.admin import OrganizationScopedAdmin
from rag.embedding.registry import offered_models
from rag.models import ModelChange
from rag.services import model_change


class ModelChangeForm(forms.ModelForm):
    """Which model to change to; the rest is the service's to decide."""

    model = forms.ChoiceField(label="Embedding model")

    class Meta:
        model = ModelChange
        fields = ["organization", "model", "switch_when_ready", "force"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "model" in self.fields:
            field = self.fields["model"]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above  # nosec B101
            field.choices = [(name, name) for name in offered_models()]


@admin.register(ModelChange)
class ModelChangeAdmin(OrganizationScopedAdmin):
    """Adding one starts it; a worker carries it on, and this page shows how far it is."""

    form = ModelChangeForm
    list_display = [
        "started_at",
        "organization",
        "previous_model",
        "model",
        "status",
        "progress",
        "switched_at",
        "started_by",
    ]
    list_filter = ["status", "organization"]
    list_select_related = ["organization", "started_by"]
    actions = ["switch_now", "cancel", "roll_back"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # a roll-back needs to know what was before

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Start the change, and ring for a worker."""
        with transaction.atomic():
            started = model_change.start_change(
                organization=obj.organization,
                model=obj.model,
                actor=user_of(request),
                force=obj.force,
                switch_when_ready=obj.switch_when_ready,
            )
            transaction.on_commit(model_change.ring_for_model_changes)
        obj.__dict__.update(started.__dict__)

    @admin.display(description="progress")
    def progress(self, change: ModelChange) -> str:
        """Show how many passages have their vector."""
        return format_html(
            '<progress max="100" value="{}">{} %</progress> {} of {}',
            change.percent,
            change.percent,
            f"{change.done:,}",
            f"{change.total:,}",
        )

    @admin.action(description="Switch as soon as it is complete", permissions=["view"])
    def switch_now(self, request: HttpRequest, queryset: QuerySet[ModelChange]) -> None:
        """Let changes that wait for somebody switch."""
        for change in _open(queryset):
            model_change.switch(organization=change.organization, actor=user_of(request))
        model_change.ring_for_model_changes()
        messages.success(request, "Queries change to the new model as soon as it is complete.")

    @admin.action(description="Cancel", permissions=["view"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[ModelChange]) -> None:
        """Give up the chosen changes that are open."""
        for change in _open(queryset):
            model_change.cancel(organization=change.organization, actor=user_of(request))
        messages.success(request, "Cancelled; queries use the same model as before.")

    @admin.action(
        description="Change the organization back to the model before", permissions=["view"]
    )
    def roll_back(self, request: HttpRequest, queryset: QuerySet[ModelChange]) -> None:
        """Undo the latest change of each chosen row's organization."""
        chosen = {change.organization for change in queryset.select_related("organization")}
        for organization in chosen:
            model_change.roll_back(organization=organization, actor=user_of(request))
        model_change.ring_for_model_changes()
        messages.success(request, "Queries change back as soon as every passage has its vector.")


def _open(chosen: QuerySet[ModelChange]) -> QuerySet[ModelChange]:
    return ModelChange.objects.open().filter(pk__in=chosen).select_related("organization")
