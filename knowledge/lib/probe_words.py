"""Times and sizes as diagnostics write them."""

import datetime

from django.utils import timezone
from django.utils.formats import date_format


def moment_text(moment: datetime.datetime) -> str:
    """Return the moment in the time zone of the installation."""
    return date_format(timezone.localtime(moment), "j M, H:i:s")


def age_text(age: datetime.timedelta) -> str:
    """Return about how long it is."""
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    hours = minutes // 60
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"


def bytes_text(count: int) -> str:
    """Return about how many bytes it are."""
    for unit, size in (("GB", 1024**3), ("MB", 1024**2)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1024:,.0f} kB"
