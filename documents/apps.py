"""Documents: upload, sharing, their text and its chunks."""

from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    """Registers the app and its checks."""

    name = "documents"

    def ready(self) -> None:
        from documents import checks  # noqa: F401  registers by being imported
