"""The tags of documents.

`documents.models` gives this to Django; it names the document by text, as `upload_batches` does.
"""

from django.db import models

from documents.labels import MAX_TAG_CHARACTERS
from documents.querysets import DocumentTagQuerySet


class DocumentTag(models.Model):
    """One tag of one document.

    Each document has its own rows, so that neither a list of tags nor how one is written tells
    anybody of a document that they may not see.
    """

    document = models.ForeignKey(
        "documents.Document", on_delete=models.CASCADE, related_name="tags"
    )
    name = models.CharField(max_length=MAX_TAG_CHARACTERS)
    key = models.CharField(max_length=MAX_TAG_CHARACTERS, help_text="Equal for equal tags.")

    objects = DocumentTagQuerySet.as_manager()

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["document", "key"], name="tag_unique")]
        indexes = [models.Index(fields=["key", "document"], name="tag_documents")]

    def __str__(self) -> str:
        return self.name
