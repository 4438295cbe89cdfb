"""The shared library as a Django app, so that its checks and templates are found."""

from django.apps import AppConfig


class LibConfig(AppConfig):
    """Registers `knowledge.lib`."""

    name = "knowledge.lib"
    label = "lib"
