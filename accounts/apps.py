"""Organizations, people, teams and the audit trail."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers the app."""

    name = "accounts"
    verbose_name = "Organizations and people"
