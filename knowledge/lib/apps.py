"""The shared library as a Django app, so that its probes are found."""

from django.apps import AppConfig


class LibConfig(AppConfig):
    """Registers `knowledge.lib`."""

    name = "knowledge.lib"
    label = "lib"

    def ready(self) -> None:
        """Register what diagnostics look at."""
        from knowledge.lib import probes, worker_probes  # noqa: F401  they register
