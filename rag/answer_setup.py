"""Which model and which prompts answer a turn: what was chosen, else what is configured."""

import uuid
from dataclasses import dataclass
from logging import getLogger

from django.conf import settings

from rag.llm.registry import available_models
from rag.models import AnswerSettings, Conversation, Message
from rag.prompts.loader import Prompt, load_prompt, versions

logger = getLogger("knowledge.chat")


@dataclass(frozen=True)
class AnswerSetup:
    """What answers a turn.

    Attributes:
        model: name of a chat model; empty for the configured one.
        settings_id: the choice it comes from; None where nobody has chosen.
        variant: which side of a trial it is on, empty when there is none.
    """

    model: str
    answer_prompt: Prompt
    condense_prompt: Prompt
    title_prompt: Prompt
    settings_id: int | None = None
    variant: str = Message.Variant.NONE


def setup_for(*, organization_id: uuid.UUID, conversation: Conversation) -> AnswerSetup:
    """Return what answers the next question of a conversation."""
    chosen = AnswerSettings.objects.in_force(organization_id) or AnswerSettings()
    variant = variant_of(chosen, conversation)
    model, answer_prompt = chosen.model, chosen.answer_prompt
    if variant == Message.Variant.CANDIDATE:
        model = chosen.candidate_model or model
        answer_prompt = chosen.candidate_prompt or answer_prompt
    return AnswerSetup(
        model=_offered(model),
        answer_prompt=_released("answer", answer_prompt, settings.ANSWER_PROMPT),
        condense_prompt=_released("condense", chosen.condense_prompt, settings.CONDENSE_PROMPT),
        title_prompt=_released("title", chosen.title_prompt, settings.TITLE_PROMPT),
        settings_id=chosen.pk,
        variant=variant,
    )


def variant_of(chosen: AnswerSettings, conversation: Conversation) -> str:
    """Return the side of a trial that a conversation is on; it stays there while the trial lasts.

    Conversations that are older than the trial are on none: they have answers of both sorts.
    """
    if not chosen.has_candidate or conversation.created_at < chosen.created_at:
        return Message.Variant.NONE
    # Random ids (UUID version 4) share themselves out evenly, and the same way each time.
    is_candidate = conversation.pk.int % 100 < chosen.candidate_share
    return Message.Variant.CANDIDATE if is_candidate else Message.Variant.ACTIVE


def _offered(model: str) -> str:
    """Return the model, or the configured one where an installation no longer offers it."""
    if not model or model in available_models():
        return model
    logger.warning("chosen model is not available", extra={"model": model})
    return ""


def _released(name: str, version: str, configured: str) -> Prompt:
    """Return the version that was chosen, or the configured one where it is not there any more."""
    if version and version not in versions(name):
        logger.warning("chosen prompt is not available", extra={"prompt": f"{name}/{version}"})
        version = ""
    return load_prompt(name, version or configured)
