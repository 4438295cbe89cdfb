"""What administrators are shown of questions that the documents did not answer."""

from django.db import models
from django.utils import timezone

from accounts.models import Organization, User
from rag.querysets import HandledQuestionQuerySet


class QuestionPrivacy(models.Model):
    """Whether an organization's administrators see unanswered questions, and with whose names."""

    class Mode(models.TextChoices):
        OFF = "off", "Show none"
        WITHOUT_NAMES = "without_names", "Show them without names"
        WITH_NAMES = "with_names", "Show them with names"

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, primary_key=True, related_name="question_privacy"
    )
    mode = models.CharField(max_length=15, choices=Mode.choices, default=Mode.WITHOUT_NAMES)
    minimum_askers = models.PositiveIntegerField(
        default=1, help_text="A question is shown once so many people have asked it."
    )

    class Meta:
        verbose_name_plural = "question privacy"

    def __str__(self) -> str:
        return self.get_mode_display()


class HandledQuestion(models.Model):
    """That somebody has seen to a question; asked again later, it is shown again.

    It holds no words: a question is known by a digest of its stems.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    handled_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    handled_at = models.DateTimeField(default=timezone.now)

    objects = HandledQuestionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "digest"], name="handled_question_unique"
            )
        ]

    def __str__(self) -> str:
        return self.digest[:8]
