"""Evaluations: what they found, the cases kept for them, the organizations that they work in."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts.models import Organization
from documents.models import Document
from rag.models.conversations import Message
from rag.querysets import EvaluationCaseQuerySet, EvaluationRunQuerySet


class EvaluationWorkspace(models.Model):
    """Marks an organization that one evaluation made for itself, to be removed after it.

    Whatever carries this mark may be removed with all its documents, and nothing else may.
    """

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, primary_key=True, related_name="evaluation"
    )
    host = models.CharField(max_length=255, help_text="The machine whose process made it.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"made on {self.host}"


class EvaluationRun(models.Model):
    """One evaluation, and all that its figures depend on."""

    class Kind(models.TextChoices):
        RETRIEVAL = "retrieval", "Retrieval"
        ANSWERS = "answers", "Answers"
        ATTACKS = "attacks", "Resistance"

    # SECURITY: what the operator ran on files belongs to no organization, and is shown to none.
    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="evaluation_runs",
        help_text="Whose kept cases were asked; none for a data set from files.",
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    data_set = models.CharField(max_length=200)
    data_set_sha256 = models.CharField(max_length=64, help_text="Of documents and questions.")
    options = models.JSONField(default=dict, help_text="How the command was called.")
    metrics = models.JSONField(default=dict)
    embedding_model = models.CharField(max_length=100)
    answer_model = models.CharField(max_length=100, blank=True)
    prompt_version = models.CharField(max_length=40, blank=True)
    parameters = models.JSONField(default=dict, help_text="Settings that the figures depend on.")
    version = models.CharField(max_length=40, blank=True, help_text="Of the product.")
    revision = models.CharField(max_length=64, blank=True, help_text="Of its code, in git.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = EvaluationRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["data_set_sha256", "kind", "-id"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.data_set}"


class EvaluationOutcome(models.Model):
    """What became of one question of a run.

    Of an organization's own documents only measures are kept: no answer, which would hold words of
    documents that may be deleted.
    """

    run = models.ForeignKey(EvaluationRun, on_delete=models.CASCADE, related_name="outcomes")
    key = models.CharField(max_length=200, help_text="What the data set calls the question.")
    question = models.TextField(blank=True)
    score = models.FloatField(help_text="From 0 to 1: what makes it better or worse than another.")
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "key"], name="evaluation_outcome_unique")
        ]

    def __str__(self) -> str:
        return self.key


class EvaluationCase(models.Model):
    """A question that an organization keeps, to see whether it is answered better over time."""

    class Answerable(models.TextChoices):
        UNDECIDED = "", "Not decided yet"
        YES = "yes", "The documents answer it"
        NO = "no", "The documents do not answer it"

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="evaluation_cases"
    )
    message = models.OneToOneField(
        Message,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="evaluation_case",
        help_text="The rated answer that it was made from.",
    )
    question = models.TextField(
        blank=True,
        max_length=2_000,
        help_text="In your own words. Empty: what was asked is asked again, unseen and as"
        " the same person, for as long as its conversation is there.",
    )
    answerable = models.CharField(
        max_length=3, choices=Answerable.choices, default=Answerable.UNDECIDED, blank=True
    )
    expected_answer = models.CharField(
        max_length=500, blank=True, help_text="Words that have to stand in a right answer."
    )
    document = models.ForeignKey(
        Document,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The document that answers.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = EvaluationCaseQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.question[:80] or "What was asked"

    def clean(self) -> None:
        """SECURITY: the document is of the case's organization."""
        super().clean()
        if self.document is not None and self.document.organization_id != self.organization_id:
            raise ValidationError({"document": "The organization has no such document."})
        if not self.question and self.message_id is None:
            raise ValidationError({"question": "Write the question."})
        if self.answerable == self.Answerable.YES and not (self.expected_answer or self.document):
            raise ValidationError(
                {"expected_answer": "Name an answer or a document, or it cannot be judged."}
            )

    @property
    def is_ready(self) -> bool:
        """Whether it can be asked and judged."""
        has_question = bool(self.question) or self.message_id is not None
        has_answer = bool(self.expected_answer) or self.document_id is not None
        return has_question and (
            self.answerable == self.Answerable.NO
            or (self.answerable == self.Answerable.YES and has_answer)
        )
