"""The files of versions that are in force no more.

`documents.models` gives this to Django; it names the document by text, as `upload_batches` does.
"""

from django.db import models

from accounts.models import User


class DocumentVersion(models.Model):
    """The file of a version that is in force no more; whoever may see the document may have it."""

    # Restricted: the service that deletes the document takes the file out of the storage too.
    document = models.ForeignKey(
        "documents.Document", on_delete=models.RESTRICT, related_name="versions"
    )
    number = models.PositiveIntegerField(help_text="From 1.")
    filename = models.CharField(max_length=255)
    content_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    file = models.FileField(max_length=200)
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="document_version_unique")
        ]

    def __str__(self) -> str:
        return f"version {self.number}"
