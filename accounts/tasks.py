"""Upkeep of accounts, for the scheduler."""

from django.core.management import call_command


def flush_expired() -> None:
    """Delete sessions and refresh tokens that have expired: they can no longer be used anyhow."""
    call_command("clearsessions")
    call_command("flushexpiredtokens")
