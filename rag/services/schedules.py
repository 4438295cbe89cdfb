"""The recurring work, kept by django-q2 in the database."""

from django.conf import settings
from django_q.models import Schedule


def ensure_schedules() -> None:
    """Make the sweeper's schedule, or bring it up to date with the settings."""
    Schedule.objects.update_or_create(
        name="sweep",
        defaults={
            "func": "rag.tasks.sweep",
            "schedule_type": Schedule.MINUTES,
            "minutes": settings.SWEEP_INTERVAL_MINUTES,
            "repeats": -1,
        },
    )
