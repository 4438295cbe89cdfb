"""Retrieval and answers over the documents a person may read."""

from django.apps import AppConfig


class RagConfig(AppConfig):
    """Registers the app."""

    name = "rag"
    verbose_name = "Search and answers"

    def ready(self) -> None:
        """Register the system checks, and what diagnostics and monitors are told."""
        from rag import checks, diagnostics, metrics  # noqa: F401
