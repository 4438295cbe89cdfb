"""What the installation notes of itself."""

from django.db import models


class WorkerSign(models.Model):
    """When a cluster of workers was last seen alive; it writes that itself, every few seconds."""

    cluster = models.CharField(max_length=64, primary_key=True)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    status = models.CharField(max_length=20)
    workers = models.PositiveIntegerField(help_text="How many processes.")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"
