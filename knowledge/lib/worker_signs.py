"""The queue in the database, with signs of life of its workers that every process can read.

django-q2 keeps those in Django's cache, which by default each process has for itself.
"""

import datetime
import time
from typing import Any

from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.signing import SignedPackage

from knowledge.lib.models import WorkerSign

# Clusters tell twice a second; so often it is written down.
EVERY_S = 10.0
# Without a sign for so long, a cluster was killed, or its machine or database is away.
SILENT_AFTER = datetime.timedelta(minutes=1)
FORGOTTEN_AFTER = datetime.timedelta(minutes=30)


class Broker(ORM):  # type: ignore[misc]  # the library has no types
    """The queue of django-q2 in the database; signs of life of its clusters are there too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._written = -EVERY_S
        self._status = ""

    def set_stat(self, key: str, value: str, timeout: int) -> Any:
        """Write the sign down when it is time, or when the cluster's status has changed."""
        stat = SignedPackage.loads(value)
        now = time.monotonic()
        if now - self._written >= EVERY_S or stat.status != self._status:
            self._written, self._status = now, stat.status
            _note(stat)
        return super().set_stat(key, value, timeout)


def _note(stat: Any) -> None:
    cluster = str(stat.cluster_id)
    if stat.status == Conf.STOPPED:
        WorkerSign.objects.filter(pk=cluster).delete()
        return
    now = timezone.now()
    WorkerSign.objects.update_or_create(
        cluster=cluster,
        defaults={
            "host": stat.host[:255],
            "pid": stat.pid,
            "status": str(stat.status),
            "workers": len(stat.workers),
            "started_at": stat.tob,
            "seen_at": now,
        },
    )
    WorkerSign.objects.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()
