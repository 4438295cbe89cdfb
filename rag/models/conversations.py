"""Conversations: questions, answers, and the passages that answers were given."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import User
from documents.models import Document, DocumentChunk
from documents.narrowing import Narrowing
from rag.models.answer_settings import AnswerSettings
from rag.querysets import ConversationQuerySet, MessageQuerySet


class Conversation(models.Model):
    """A thread of questions and answers of one person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="conversations")
    title = models.CharField(max_length=200, blank=True)
    filters = models.JSONField(
        default=dict, blank=True, help_text="Which documents it asks, as Narrowing.as_json says."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at"]
        indexes = [models.Index(fields=["user", "-updated_at"])]

    def __str__(self) -> str:
        return self.title or "New conversation"

    @property
    def narrowing(self) -> Narrowing:
        """Which of the documents that its owner may read it asks."""
        return Narrowing.from_json(self.filters)


class Message(models.Model):
    """A question, or the answer to it with how it came about."""

    class Role(models.TextChoices):
        USER = "user", "User"
        ASSISTANT = "assistant", "Assistant"

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        STREAMING = "streaming", "Answering"
        COMPLETED = "completed", "Complete"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"

    class Rating(models.TextChoices):
        NONE = "", "None"
        UP = "up", "Helpful"
        DOWN = "down", "Not helpful"

    class Variant(models.TextChoices):
        NONE = "", "No trial"
        ACTIVE = "active", "In force"
        CANDIDATE = "candidate", "Candidate"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    # An answer points at its question, so that a pending answer knows what to ask.
    question = models.OneToOneField(
        "self", on_delete=models.CASCADE, related_name="answer", null=True, blank=True
    )
    role = models.CharField(max_length=10, choices=Role.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.COMPLETED)
    content = models.TextField(blank=True)
    grounded = models.BooleanField(default=False, help_text="Whether its passages support it.")
    error_message = models.TextField(blank=True)
    model = models.CharField(max_length=100, blank=True)
    sentences = models.JSONField(
        default=list,
        blank=True,
        help_text="Sentences of the content that claim something, each with its verdict.",
    )
    confidence = models.FloatField(
        null=True,
        blank=True,
        help_text="How sure the model was that the passages answer: 0 to 1, where it tells.",
    )
    conflicts = models.JSONField(
        default=list,
        blank=True,
        help_text="Where its passages contradict each other: number, start and end of each.",
    )
    prompt_version = models.CharField(max_length=40, blank=True)
    prompt_sha256 = models.CharField(max_length=64, blank=True, help_text="Of the prompt's file.")
    parameters = models.JSONField(
        default=dict, blank=True, help_text="What else the answer depended on: temperature, limits."
    )
    timings = models.JSONField(
        default=dict, blank=True, help_text="Milliseconds of each stage that was begun."
    )
    answer_settings = models.ForeignKey(
        AnswerSettings,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="answers",
        help_text="The choice in force when it was answered.",
    )
    variant = models.CharField(
        max_length=10, choices=Variant.choices, default=Variant.NONE, blank=True, editable=False
    )
    search_query = models.TextField(blank=True, help_text="What was searched, after condensing.")
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    retrieval_ms = models.PositiveIntegerField(default=0)
    total_ms = models.PositiveIntegerField(default=0)
    rating = models.CharField(max_length=4, choices=Rating.choices, default=Rating.NONE, blank=True)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    claimed_at = models.DateTimeField(
        null=True, editable=False, help_text="When a process began to write the answer."
    )

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        indexes = [models.Index(fields=["conversation", "created_at"])]

    def __str__(self) -> str:
        return f"{self.role} message"

    @property
    def is_open(self) -> bool:
        """Whether the answer is still to come."""
        return self.current_status in (self.Status.PENDING, self.Status.STREAMING)

    @property
    def current_status(self) -> str:
        """The status, where an answer whose process died counts as stopped."""
        if self.status not in (self.Status.PENDING, self.Status.STREAMING):
            return self.status
        last_sign = self.claimed_at or self.created_at
        is_abandoned = timezone.now() - last_sign > settings.TURN_ABANDONED_AFTER
        return self.Status.STOPPED if is_abandoned else self.status


class MessageSource(models.Model):
    """A passage that an answer was given, by reference: its text is read from the document.

    When the document goes, both references are null and nothing of the passage is left here. When
    a newer version takes its place, the passage's alone is.
    """

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="sources")
    number = models.PositiveSmallIntegerField(help_text="The n of the citation [n].")
    document = models.ForeignKey(Document, on_delete=models.SET_NULL, null=True)
    chunk = models.ForeignKey(DocumentChunk, on_delete=models.SET_NULL, null=True)
    version = models.PositiveIntegerField(default=1, help_text="Of the document, when asked.")
    page = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    score = models.FloatField()
    cited = models.BooleanField(default=False)
    used = models.BooleanField(
        default=False, help_text="Whether words of it may stand in the answer."
    )

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], name="message_source_unique")
        ]

    def __str__(self) -> str:
        return f"source {self.number}"
