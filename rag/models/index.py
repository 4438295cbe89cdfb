"""The index as rows: its state, its steps, and the vectors."""

import uuid

from django.db import models

from accounts.models import Organization
from documents.models import Document, DocumentChunk
from rag.querysets import ChunkEmbeddingQuerySet


class OrganizationIndex(models.Model):
    """The state of one organization's index: each publish and delete adds one to its version."""

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, primary_key=True, related_name="index"
    )
    version = models.PositiveBigIntegerField(default=0)
    token = models.UUIDField(
        default=uuid.uuid4,
        help_text="Drawn anew with each version: a version that a restored backup counted again has"
        " another token.",
    )
    model = models.CharField(max_length=100, help_text="The embedding model that queries use.")
    next_model = models.CharField(
        max_length=100,
        blank=True,
        help_text="Being built: each process loads the model before queries use it.",
    )
    next_is_ready = models.BooleanField(
        default=False, help_text="Its vectors are complete: each process loads its index too."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "organization indexes"

    def __str__(self) -> str:
        return f"version {self.version}"


class IndexChange(models.Model):
    """One step of an index: the document whose chunks were published or removed at that version.

    A process whose copy is at version v reads the changes after v and takes each document anew.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    version = models.PositiveBigIntegerField()
    document_id = models.UUIDField(help_text="Not a foreign key: it outlives the document.")
    token = models.UUIDField(default=uuid.uuid4, help_text="Of the index at this version.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "version"], name="index_change_unique")
        ]

    def __str__(self) -> str:
        return f"version {self.version}: {self.document_id}"


class ChunkEmbedding(models.Model):
    """The vector of one chunk under one model, whose index knows it by the chunk's key."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    document = models.ForeignKey(Document, on_delete=models.CASCADE)
    chunk = models.ForeignKey(DocumentChunk, on_delete=models.CASCADE, related_name="embeddings")
    model = models.CharField(max_length=100)
    vector = models.BinaryField(help_text="float32, little endian, unit length.")
    text_digest = models.BinaryField(
        max_length=20,
        null=True,
        editable=False,
        help_text="Of the text that it was computed from: an equal text takes the vector over. Rows"
        " of earlier versions have none.",
    )

    objects = ChunkEmbeddingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chunk", "model"], name="chunk_embedding_unique")
        ]
        indexes = [
            models.Index(fields=["organization", "model", "id"], name="embedding_index_order"),
            models.Index(
                fields=["organization", "model", "text_digest"],
                condition=models.Q(text_digest__isnull=False),
                name="embedding_of_text",
            ),
        ]

    def __str__(self) -> str:
        return f"embedding {self.pk}"
