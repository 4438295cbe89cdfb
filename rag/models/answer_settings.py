"""Which prompts and which model answer an organization's questions, and who chose them."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone

from accounts.models import Organization
from rag.querysets import AnswerSettingsQuerySet


class AnswerSettings(models.Model):
    """One choice of prompts and model; the newest row of an organization is in force.

    Rows are only added, so that the table is the history: going back adds a row that repeats an
    older one. A field that is empty follows the configuration of the installation. A candidate
    answers a share of the new conversations, to be compared with what is in force.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="answer_settings"
    )
    model = models.CharField(max_length=100, blank=True, help_text="Empty: the configured one.")
    answer_prompt = models.CharField(max_length=20, blank=True, help_text="Version, such as v1.")
    condense_prompt = models.CharField(max_length=20, blank=True)
    title_prompt = models.CharField(max_length=20, blank=True)
    candidate_model = models.CharField(
        max_length=100, blank=True, help_text="Empty: the same as for everybody else."
    )
    candidate_prompt = models.CharField(
        "candidate answer prompt",
        max_length=20,
        blank=True,
        help_text="Empty: the same as for everybody else.",
    )
    candidate_share = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(100)],
        help_text="Per cent of the new conversations that the candidate answers.",
    )
    note = models.CharField(
        max_length=300, blank=True, help_text="Why; read by those who come later."
    )
    restores = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        help_text="The older choice that this one repeats.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AnswerSettingsQuerySet.as_manager()

    # What is chosen, and so what going back repeats.
    CHOICES = (
        "model",
        "answer_prompt",
        "condense_prompt",
        "title_prompt",
        "candidate_model",
        "candidate_prompt",
        "candidate_share",
    )

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "answer settings"

    def __str__(self) -> str:
        return f"{self.model or 'configured model'}, answer/{self.answer_prompt or 'configured'}"

    def clean(self) -> None:
        """Refuse a share for nobody, and a candidate that nobody gets."""
        super().clean()
        has_candidate = bool(self.candidate_model or self.candidate_prompt)
        if self.candidate_share and not has_candidate:
            raise ValidationError({"candidate_share": "Choose a candidate prompt or model first."})
        if has_candidate and not self.candidate_share:
            raise ValidationError({"candidate_share": "Say how many conversations it answers."})

    @property
    def has_candidate(self) -> bool:
        """Whether some conversations are answered by a candidate."""
        return self.candidate_share > 0
