"""Who may see which conversation and which usage."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q, QuerySet, Sum

if TYPE_CHECKING:
    from accounts.models import Organization, User
    from rag.models import (
        AnswerSettings,
        Budget,
        ChunkEmbedding,
        Conversation,
        EvaluationCase,
        EvaluationRun,
        HandledQuestion,
        IndexRun,
        Message,
        ModelChange,
        Reservation,
        UsageRecord,
    )


class ChunkEmbeddingQuerySet(QuerySet["ChunkEmbedding"]):
    """Embeddings."""

    def of_index(self, organization_id: uuid.UUID, model: str) -> ChunkEmbeddingQuerySet:
        """Return what one organization's index of one model holds, in index order."""
        return self.filter(organization_id=organization_id, model=model).order_by("pk")


class IndexRunQuerySet(QuerySet["IndexRun"]):
    """Checks, repairs and rebuilds of indexes."""

    def of(self, organization: Organization | None) -> IndexRunQuerySet:
        """Return one organization's, or those of what belongs to none; newest first."""
        if organization is None:
            return self.filter(organization__isnull=True).order_by("-id")
        return self.filter(organization=organization).order_by("-id")

    def finished(self) -> IndexRunQuerySet:
        """Return those that came to a result."""
        return self.filter(status=self.model.Status.FINISHED)

    def to_resume(self) -> IndexRunQuerySet:
        """Return those that a suspension stopped and that may go on, for it is lifted."""
        paused = self.filter(status=self.model.Status.PAUSED)
        return paused.filter(organization__suspended_at__isnull=True)


class ModelChangeQuerySet(QuerySet["ModelChange"]):
    """Changes of the embedding model."""

    def open(self) -> ModelChangeQuerySet:
        """Return those that have not ended; one an organization at most."""
        status = self.model.Status
        return self.filter(status__in=[status.BUILDING, status.READY])

    def in_service(self) -> ModelChangeQuerySet:
        """Return those whose organization is not suspended: the others rest with it."""
        return self.filter(organization__suspended_at__isnull=True)

    def free(self, now: datetime.datetime) -> ModelChangeQuerySet:
        """Return those that nobody works on."""
        return self.filter(Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lte=now))

    def waiting(self, now: datetime.datetime) -> ModelChangeQuerySet:
        """Return those that a worker should go on with."""
        status = self.model.Status
        return (
            self.in_service()
            .free(now)
            .filter(Q(status=status.BUILDING) | Q(status=status.READY, switch_when_ready=True))
        )


class AnswerSettingsQuerySet(QuerySet["AnswerSettings"]):
    """Choices of prompts and models."""

    def in_force(self, organization_id: uuid.UUID) -> AnswerSettings | None:
        """Return the organization's newest choice; None where nobody has chosen."""
        return self.filter(organization_id=organization_id).order_by("-id").first()


class ConversationQuerySet(QuerySet["Conversation"]):
    """Conversations: each belongs to one person, whom not even an administrator can read."""

    def visible_to(self, user: User) -> ConversationQuerySet:
        """Return the user's own."""
        return self.filter(user_id=user.pk) if user.is_in_service else self.none()

    def search(self, text: str) -> ConversationQuerySet:
        """Return those whose title contains the text."""
        return self.filter(title__icontains=text) if text else self


class MessageQuerySet(QuerySet["Message"]):
    """Messages of conversations."""

    def visible_to(self, user: User) -> MessageQuerySet:
        """Return the messages of the user's own conversations."""
        return self.filter(conversation__user_id=user.pk) if user.is_in_service else self.none()

    def answers(self) -> MessageQuerySet:
        """Return the answers, without their questions."""
        return self.filter(role=self.model.Role.ASSISTANT)

    def of_organization(self, organization_id: uuid.UUID | None) -> MessageQuerySet:
        """Return the messages of all conversations of an organization.

        SECURITY: people's own words; only `services.unanswered` shows any, as the setting allows.
        """
        if organization_id is None:
            return self.none()
        return self.filter(conversation__user__organization_id=organization_id)

    def unanswered(self) -> MessageQuerySet:
        """Return complete answers to questions that were searched, and that nothing supports."""
        complete = self.answers().filter(status=self.model.Status.COMPLETED, grounded=False)
        return complete.exclude(search_query="").exclude(question=None)

    def being_written(self, since: datetime.datetime) -> MessageQuerySet:
        """Return the answers that a process took since then and has not settled."""
        status = self.model.Status.STREAMING
        return self.answers().filter(status=status, claimed_at__gt=since)

    def claim(self, message_id: uuid.UUID, now: datetime.datetime) -> bool:
        """Take a waiting answer for this process, in one statement; False when another has it."""
        status = self.model.Status
        waiting = self.answers().filter(pk=message_id, status=status.PENDING)
        return waiting.update(status=status.STREAMING, claimed_at=now) == 1


class UsageRecordQuerySet(QuerySet["UsageRecord"]):
    """The ledger of model calls."""

    def totals_of_answers(self, settings_id: int, variant: str) -> dict[str, Any]:
        """Return tokens and cost of the answers on one side of a trial."""
        calls = self.filter(message__answer_settings=settings_id, message__variant=variant)
        return calls.aggregate(
            tokens=Sum(F("prompt_tokens") + F("completion_tokens"), default=0),
            cost=Sum("cost", default=Decimal(0)),
        )

    def visible_to(self, user: User) -> UsageRecordQuerySet:
        """Return the organization's for its admins, else the user's own."""
        if not user.is_in_service:
            return self.none()
        if user.is_organization_admin and user.organization_id is not None:
            return self.filter(organization_id=user.organization_id)
        return self.filter(user_id=user.pk)

    def of_language_models(self) -> UsageRecordQuerySet:
        """Return the calls that generate text; not the embeddings."""
        return self.filter(feature__in=self.model.OF_LANGUAGE_MODELS)


class HandledQuestionQuerySet(QuerySet["HandledQuestion"]):
    """Questions that somebody has seen to."""

    def times_of(self, organization_id: uuid.UUID | None) -> dict[str, datetime.datetime]:
        """Return when each was handled, by its digest."""
        if organization_id is None:
            return {}
        found = self.filter(organization_id=organization_id)
        return dict(found.values_list("digest", "handled_at"))


class BudgetQuerySet(QuerySet["Budget"]):
    """Budgets."""

    def visible_to(self, user: User) -> BudgetQuerySet:
        """Return the organization's, for its admins alone; others see what applies to them."""
        if user.organization_id is None or not user.is_organization_admin:
            return self.none()
        return self.filter(organization_id=user.organization_id)

    def of(self, user: User) -> BudgetQuerySet:
        """Return those that a person's calls count for, also those that another one replaces."""
        if user.organization_id is None:
            return self.none()
        within = self.filter(organization_id=user.organization_id)
        return within.filter(Q(user=None) | Q(user_id=user.pk))


class ReservationQuerySet(QuerySet["Reservation"]):
    """What running calls hold of budgets."""

    def expired(self, now: datetime.datetime) -> ReservationQuerySet:
        """Return those whose process has died, or is not expected to come back."""
        return self.filter(expires_at__lte=now)


class EvaluationRunQuerySet(QuerySet["EvaluationRun"]):
    """Evaluations."""

    def like(self, run: EvaluationRun) -> EvaluationRunQuerySet:
        """Return the others that can be compared with one: of the same set of the same owner.

        An organization's cases grow; of a set from files, other contents are another set.
        """
        others = self.filter(
            organization=run.organization, kind=run.kind, data_set=run.data_set, options=run.options
        ).exclude(pk=run.pk)
        if run.organization_id is not None:
            return others
        return others.filter(data_set_sha256=run.data_set_sha256)


class EvaluationCaseQuerySet(QuerySet["EvaluationCase"]):
    """Cases that organizations keep."""

    def decided(self) -> EvaluationCaseQuerySet:
        """Return those of which is known whether the documents answer them."""
        return self.exclude(answerable="")
