"""A document, its pages and its chunks."""

import datetime
import uuid

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts.models import Organization, Team, User
from documents.earlier_versions import DocumentVersion
from documents.labels import MAX_COLLECTION_CHARACTERS
from documents.querysets import (
    DocumentChunkQuerySet,
    DocumentQuerySet,
    FileDeletionQuerySet,
    PageQuerySet,
)
from documents.tags import DocumentTag
from documents.upload_batches import UploadBatch, UploadFile

__all__ = [
    "Document",
    "DocumentChunk",
    "DocumentTag",
    "DocumentVersion",
    "FileDeletion",
    "Page",
    "UploadBatch",
    "UploadFile",
]


def storage_path(document: "Document", filename: str) -> str:
    """Return where the file is kept: the row's id; the name it came with is never a path."""
    return f"{document.pk}.{document.extension}"


class Document(models.Model):
    """An uploaded file: the row is the truth, the queue only a doorbell."""

    class Status(models.TextChoices):
        UPLOADED = "uploaded", "Waiting"
        PROCESSING = "processing", "Processing"
        COMPLETED = "completed", "Ready"
        FAILED = "failed", "Failed"

    class Stage(models.TextChoices):
        NONE = "", ""
        EXTRACTING = "extracting", "Reading the file"
        CHUNKING = "chunking", "Cutting into passages"
        EMBEDDING = "embedding", "Computing embeddings"
        PUBLISHING = "publishing", "Publishing"

    class Visibility(models.TextChoices):
        PRIVATE = "private", "Private"
        TEAMS = "teams", "Teams"
        ORGANIZATION = "organization", "Organization"

    class DatedBy(models.TextChoices):
        TEXT = "text", "as it says itself"
        FILE = "file", "when the file was changed last"
        UPLOAD = "upload", "when it was uploaded"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Protected, as the uploader is: a cascade would pass by the services, which take the words out
    # of the indexes and the files out of the storage.
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="documents"
    )
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="documents")
    filename = models.CharField(max_length=255, help_text="As uploaded; shown, never a path.")
    extension = models.CharField(max_length=16)
    content_type = models.CharField(max_length=100)
    source = models.CharField(
        max_length=4_096,
        blank=True,
        editable=False,
        help_text="The path that the ingest command read it from; empty for other uploads.",
    )
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64, db_index=True)
    file = models.FileField(upload_to=storage_path, max_length=200)
    # Restricted: the service deletes attachments with what they came with, and never the one alone.
    attached_to = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.RESTRICT,
        related_name="attachments",
        help_text="The message that it came with; it is shared and deleted with it.",
    )

    version = models.PositiveIntegerField(
        default=1, editable=False, help_text="Number of the version in force, whose file this is."
    )
    version_at = models.DateTimeField(
        null=True, editable=False, help_text="When it was uploaded; null: with the document."
    )
    version_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    # A draft is read like any document, and is none to anybody: `visible_to` leaves it out.
    version_of = models.OneToOneField(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.RESTRICT,
        related_name="draft",
        help_text="The document whose next version this file becomes once it is read.",
    )

    description = models.TextField(blank=True, max_length=2_000)
    # A name on the document and no row of its own: it can be known exactly where its document can.
    collection = models.CharField(
        max_length=MAX_COLLECTION_CHARACTERS, blank=True, help_text="The one group it belongs to."
    )
    collection_key = models.CharField(
        max_length=MAX_COLLECTION_CHARACTERS, blank=True, editable=False
    )

    visibility = models.CharField(
        max_length=12, choices=Visibility.choices, default=Visibility.PRIVATE
    )
    teams = models.ManyToManyField(Team, related_name="documents", blank=True)

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.UPLOADED)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.NONE, blank=True)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Per cent.")
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.TextField(blank=True)
    warnings = models.JSONField(
        default=list, blank=True, help_text="Sentences about what of the file could not be read."
    )
    title = models.CharField(max_length=255, blank=True, help_text="As found in the document.")
    dated_on = models.DateField(
        null=True, blank=True, help_text="The document's own date, of its text or its file."
    )
    dated_by = models.CharField(
        max_length=8, choices=DatedBy.choices, default=DatedBy.UPLOAD, editable=False
    )
    page_count = models.PositiveIntegerField(default=0)
    chunk_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    completed_at = models.DateTimeField(null=True, blank=True, editable=False)

    # The lease: who works on it, until when. A worker that lost it may no longer publish.
    lease_token = models.UUIDField(null=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    next_attempt_at = models.DateTimeField(null=True, editable=False)
    request_id = models.CharField(max_length=64, blank=True, editable=False)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "pk"]
        indexes = [
            models.Index(fields=["organization", "-created_at", "id"], name="document_newest"),
            # What a search asks for: completed documents of the organization, by who may read them.
            models.Index(
                fields=[
                    "organization",
                    "status",
                    "visibility",
                    "uploaded_by",
                    "version_of",
                    "id",
                ],
                name="document_visible",
            ),
            # Whose turn it is, answered from the index alone.
            models.Index(
                fields=[
                    "status",
                    "organization",
                    "uploaded_by",
                    "created_at",
                    "id",
                    "next_attempt_at",
                ],
                name="document_turn",
            ),
            models.Index(fields=["organization", "collection_key"], name="document_collection"),
            # What a person and an organization keep, counted without reading the rows.
            models.Index(fields=["organization", "uploaded_by", "size"], name="document_use"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["attached_to", "sha256", "filename"], name="attachment_unique"
            )
        ]

    def __str__(self) -> str:
        return self.filename

    def clean(self) -> None:
        """SECURITY: uploader, message and earlier version are of the document's organization."""
        super().clean()
        if self.uploaded_by.organization_id != self.organization_id:
            raise ValidationError("Document and uploader belong to different organizations.")
        for other in (self.attached_to, self.version_of):
            if other is not None and other.organization_id != self.organization_id:
                raise ValidationError("Two documents belong to different organizations.")

    @property
    def new_version(self) -> "Document | None":
        """The draft that becomes its next version, waiting, in work or failed."""
        return getattr(self, "draft", None)

    @property
    def is_changing(self) -> bool:
        """Whether it, or its next version, waits for a worker or is with one."""
        draft = self.new_version
        return self.is_in_progress or (draft is not None and draft.is_in_progress)

    @property
    def is_failed(self) -> bool:
        """Whether it was given up; a retry starts it anew."""
        return self.status == self.Status.FAILED

    @property
    def display_title(self) -> str:
        """The document's own title, or its file name made readable."""
        stem = self.filename.rsplit(".", 1)[0]
        return self.title or " ".join(stem.replace("_", " ").replace("-", " ").split())

    @property
    def date(self) -> datetime.date:
        """Its own date, or the day it was uploaded: `dated_by` says which."""
        return self.dated_on or (self.version_at or self.created_at).date()

    @property
    def is_in_progress(self) -> bool:
        """Whether a worker has it or is yet to take it."""
        return self.status in (self.Status.UPLOADED, self.Status.PROCESSING)


class Page(models.Model):
    """The extracted text of one page; formats without pages have parts of bounded length."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField(help_text="From 1, as in the file.")
    text = models.TextField()

    objects = PageQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="page_unique")]

    def __str__(self) -> str:
        return f"page {self.number}"


class DocumentChunk(models.Model):
    """A span of one page that is searched and cited: `text == page.text[start:end]`.

    The integer key is never reused (AUTOINCREMENT), so an index may hold it; scripts get `uid`.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="chunks")
    chunk_index = models.PositiveIntegerField(help_text="From 0, over the whole document.")
    page = models.PositiveIntegerField(help_text="The page's number.")
    start = models.PositiveIntegerField(help_text="Characters into the page's text.")
    end = models.PositiveIntegerField(help_text="Characters into the page's text, exclusive.")
    heading = models.CharField(max_length=300, blank=True, help_text="Path of headings above it.")
    text = models.TextField()

    objects = DocumentChunkQuerySet.as_manager()

    class Meta:
        ordering = ["chunk_index"]
        constraints = [
            models.UniqueConstraint(fields=["document", "chunk_index"], name="chunk_unique")
        ]

    def __str__(self) -> str:
        return f"chunk {self.chunk_index}"


class FileDeletion(models.Model):
    """A path in the storage at which no file may stay: the journal of uploads and deletes.

    An upload writes one before its file, and removes it in the transaction that adds the document;
    a delete writes one in the transaction that removes the document. Whatever dies in between, a
    sweeper ends it, so that no file is left without a row.
    """

    path = models.CharField(max_length=200, unique=True)
    not_before = models.DateTimeField(
        default=timezone.now, db_index=True, help_text="When the sweeper may remove the file."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = FileDeletionQuerySet.as_manager()

    class Meta:
        ordering = ["not_before"]

    def __str__(self) -> str:
        return self.path
