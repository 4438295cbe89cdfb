"""Django admin of prompts and models: the choice in force, its history, going back, trials."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.models import Organization
from accounts.views.guards import user_of
from knowledge.lib.admin import OrganizationScopedAdmin
from knowledge.lib.errors import AppError
from rag.llm.registry import available_models
from rag.models import AnswerSettings
from rag.prompts.loader import load_prompt, versions
from rag.services.answer_settings import (
    change_answer_settings,
    compare_variants,
    restore_answer_settings,
    roll_back_answer_settings,
)

_SAME = ("", "Same as for everybody else")
_CONFIGURED = ("", "As configured")


class AnswerSettingsForm(forms.ModelForm):
    """A choice among the prompts and models that exist here."""

    class Meta:
        model = AnswerSettings
        fields = ["organization", *AnswerSettings.CHOICES, "note"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        models = [(name, name) for name in available_models()]
        for field, none, offered in (
            ("model", _CONFIGURED, models),
            ("answer_prompt", _CONFIGURED, _versions("answer")),
            ("condense_prompt", _CONFIGURED, _versions("condense")),
            ("title_prompt", _CONFIGURED, _versions("title")),
            ("candidate_model", _SAME, models),
            ("candidate_prompt", _SAME, _versions("answer")),
        ):
            if field in self.fields:
                old = self.fields[field]
                self.fields[field] = forms.ChoiceField(
                    choices=[none, *offered],
                    required=False,
                    label=old.label,
                    initial=old.initial,
                )


@admin.register(AnswerSettings)
class AnswerSettingsAdmin(OrganizationScopedAdmin):
    """The list is the history; adding one puts it in force from the next question on."""

    form = AnswerSettingsForm
    change_form_template = "admin/rag/answersettings/change_form.html"
    list_display = [
        *("created_at", "created_by", "state", "model", "prompts", "trial", "note", "organization"),
    ]
    list_filter = ["organization"]
    list_select_related = ["organization", "created_by"]
    actions = ["put_in_force", "roll_back"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # the history is what going back needs

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with what is in force, so that a change names only what it changes."""
        user = user_of(request)
        given: dict[str, Any] = {**super().get_changeform_initial_data(request)}
        organization = given.get("organization") or user.organization_id
        current = AnswerSettings.objects.in_force(organization) if organization else None
        kept = {name: getattr(current, name) for name in AnswerSettings.CHOICES} if current else {}
        return {"organization": organization, **kept, **given}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Put the choice in force."""
        chosen = change_answer_settings(
            organization=obj.organization,
            actor=user_of(request),
            note=obj.note,
            **{name: getattr(obj, name) for name in AnswerSettings.CHOICES},
        )
        obj.__dict__.update(chosen.__dict__)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a choice with the text of its prompts, and what came of its trial."""
        chosen = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if chosen is not None:
            in_force = AnswerSettings.objects.in_force(chosen.organization_id)
            context = {
                "title": f"Answers of {chosen.organization}",
                "subtitle": None,
                "is_in_force": chosen == in_force,
                "variants": compare_variants(chosen=chosen) if chosen.has_candidate else [],
                "prompts": _prompt_texts(chosen),
            }
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    @admin.display(description="state")
    def state(self, chosen: AnswerSettings) -> str:
        """Tell which row is in force."""
        newest = AnswerSettings.objects.in_force(chosen.organization_id)
        return "In force" if newest is not None and newest.pk == chosen.pk else ""

    @admin.display(description="prompts")
    def prompts(self, chosen: AnswerSettings) -> str:
        """Name the prompts that were chosen."""
        named = (
            ("answer", chosen.answer_prompt),
            ("follow-up", chosen.condense_prompt),
            ("title", chosen.title_prompt),
        )
        return ", ".join(f"{name} {version}" for name, version in named if version)

    @admin.display(description="trial")
    def trial(self, chosen: AnswerSettings) -> str:
        """Say who the candidate is, and how many conversations it gets."""
        if not chosen.has_candidate:
            return ""
        names = [chosen.candidate_model, chosen.candidate_prompt]
        return f"{chosen.candidate_share} % {' '.join(name for name in names if name)}"

    @admin.action(description="Put this choice in force again", permissions=["view"])
    def put_in_force(self, request: HttpRequest, queryset: QuerySet[AnswerSettings]) -> None:
        """Repeat an older choice."""
        if queryset.count() != 1:
            messages.error(request, "Choose one row.")
            return
        older = queryset.select_related("organization").get()
        try:
            restore_answer_settings(older=older, actor=user_of(request))
        except AppError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, "In force from the next question on.")

    @admin.action(description="Undo the organization's latest change", permissions=["view"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet[AnswerSettings]) -> None:
        """Go back by one change, in each chosen row's organization."""
        for organization in Organization.objects.filter(answer_settings__in=queryset).distinct():
            roll_back_answer_settings(organization=organization, actor=user_of(request))
        messages.success(request, "Undone; from the next question on it is as before.")


def _versions(name: str) -> list[tuple[str, str]]:
    return [
        (version, f"{name}/{version} ({load_prompt(name, version).sha256[:12]})")
        for version in versions(name)
    ]


def _prompt_texts(chosen: AnswerSettings) -> list[dict[str, Any]]:
    """Return the prompts that a choice names and that are still here, each once."""
    named = (
        ("answer", chosen.answer_prompt),
        ("answer", chosen.candidate_prompt),
        ("condense", chosen.condense_prompt),
        ("title", chosen.title_prompt),
    )
    return [
        {
            "version": prompt.version,
            "sha256": prompt.sha256,
            "text": "\n\n".join(f"[{role}]\n{text.strip()}" for role, text in prompt.parts),
        }
        for name, version in dict.fromkeys(named)
        if version in versions(name)
        for prompt in [load_prompt(name, version)]
    ]
