"""Chooses which prompts and model answer an organization's questions, and goes back again."""

from typing import Any

from django.db import transaction
from django.db.models import Avg, Count, Q

from accounts import audit
from accounts.models import Organization, User
from accounts.services.rights import require_admin_of
from knowledge.lib.errors import InvalidInput, NotFound
from rag.llm.base import DONT_KNOW
from rag.llm.registry import available_models
from rag.models import AnswerSettings, Message, UsageRecord
from rag.prompts.loader import versions

_PROMPTS = {
    "answer_prompt": "answer",
    "condense_prompt": "condense",
    "title_prompt": "title",
    "candidate_prompt": "answer",
}
_MODELS = ("model", "candidate_model")


def change_answer_settings(
    *, organization: Organization, actor: User, note: str = "", **choices: Any
) -> AnswerSettings:
    """Put a choice in force from the next question on; what is not named stays as it is.

    Args:
        choices: of the fields in `AnswerSettings.CHOICES`.

    Raises:
        NotAllowed: the actor does not administer the organization.
        InvalidInput: there is no such prompt or model here.
    """
    return _put_in_force(organization, actor, note, choices, restores=None)


def restore_answer_settings(*, older: AnswerSettings, actor: User) -> AnswerSettings:
    """Put an older choice in force again, as a new row.

    Raises:
        NotAllowed: the actor does not administer the organization.
        InvalidInput: it names a prompt or a model that is not here any more.
    """
    choices = {name: getattr(older, name) for name in AnswerSettings.CHOICES}
    return _put_in_force(older.organization, actor, older.note, choices, restores=older)


def roll_back_answer_settings(*, organization: Organization, actor: User) -> AnswerSettings:
    """Undo the latest change: put in force what was before it, or what is configured.

    Raises:
        NotAllowed: the actor does not administer the organization.
        NotFound: nothing was chosen yet.
    """
    require_admin_of(actor=actor, organization_id=organization.pk)
    latest = list(AnswerSettings.objects.filter(organization=organization).order_by("-id")[:2])
    if not latest:
        raise NotFound("Nothing was chosen yet: the configured prompts and model are in use.")
    before = latest[1] if len(latest) > 1 else AnswerSettings(organization=organization)
    return restore_answer_settings(older=before, actor=actor)


def _put_in_force(
    organization: Organization,
    actor: User,
    note: str,
    choices: dict[str, Any],
    restores: AnswerSettings | None,
) -> AnswerSettings:
    require_admin_of(actor=actor, organization_id=organization.pk)
    _require_available(choices)
    with transaction.atomic():
        # One after the other, so that nobody's change is lost under another's.
        Organization.objects.select_for_update().get(pk=organization.pk)
        current = AnswerSettings.objects.in_force(organization.pk) or AnswerSettings()
        values = {name: getattr(current, name) for name in AnswerSettings.CHOICES} | choices
        chosen = AnswerSettings(
            organization=organization,
            created_by=actor,
            note=note,
            restores=restores if restores and restores.pk else None,
            **values,
        )
        chosen.full_clean()
        chosen.save()
        audit.record(
            action="answer_settings.restored" if restores else "answer_settings.changed",
            actor=actor,
            organization=organization,
            target=chosen,
            **values,
        )
    return chosen


def _require_available(choices: dict[str, Any]) -> None:
    unknown = set(choices) - set(AnswerSettings.CHOICES)
    if unknown:
        raise TypeError(f"unknown choices: {sorted(unknown)}")
    for field, prompt in _PROMPTS.items():
        version = choices.get(field)
        if version and version not in versions(prompt):
            known = ", ".join(versions(prompt))
            raise InvalidInput(f"There is no prompt {prompt}/{version}; there are {known}.")
    for field in _MODELS:
        model = choices.get(field)
        if model and model not in available_models():
            known = ", ".join(available_models())
            raise InvalidInput(f"There is no model {model!r} here; there are {known}.")


def compare_variants(*, chosen: AnswerSettings) -> list[dict[str, Any]]:
    """Return what came of each side of a trial: what is in force first, then the candidate.

    Returns:
        For each variant: answers, conversations, ups, downs, unknown (answered "I don't know"),
        grounded, failed, ms (mean of the whole turn), tokens and cost in all.
    """
    answers = Message.objects.answers().filter(answer_settings=chosen).exclude(variant="")
    rows = answers.values("variant").annotate(
        answers=Count("pk"),
        conversations=Count("conversation_id", distinct=True),
        ups=Count("pk", filter=Q(rating=Message.Rating.UP)),
        downs=Count("pk", filter=Q(rating=Message.Rating.DOWN)),
        unknown=Count("pk", filter=Q(content__startswith=DONT_KNOW)),
        grounded=Count("pk", filter=Q(grounded=True)),
        failed=Count("pk", filter=Q(status=Message.Status.FAILED)),
        ms=Avg("total_ms"),
    )
    found = {row["variant"]: row for row in rows}
    return [
        found.get(variant, {"variant": variant, "answers": 0})
        | UsageRecord.objects.totals_of_answers(chosen.pk, variant)
        for variant in (Message.Variant.ACTIVE, Message.Variant.CANDIDATE)
    ]
