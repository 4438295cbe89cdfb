"""The recurring work, kept by django-q2 in the database."""

from django.conf import settings
from django_q.models import Schedule

# Name, task, and how many minutes lie between two runs.
_SCHEDULES = (
    ("sweep", "rag.tasks.sweep", settings.SWEEP_INTERVAL_MINUTES),
    ("check indexes", "rag.tasks.check_indexes", settings.INDEX_CHECK_INTERVAL_HOURS * 60),
    ("flush expired sessions and tokens", "accounts.tasks.flush_expired", 24 * 60),
)


def ensure_schedules() -> None:
    """Make the schedules, or bring them up to date with the settings."""
    for name, task, minutes in _SCHEDULES:
        Schedule.objects.update_or_create(
            name=name,
            defaults={
                "func": task,
                "schedule_type": Schedule.MINUTES,
                "minutes": minutes,
                "repeats": -1,
            },
        )
