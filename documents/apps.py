"""Documents: upload, sharing, their text and its chunks."""

from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    """Registers the app."""

    name = "documents"
