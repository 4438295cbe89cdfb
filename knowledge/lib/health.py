"""Whether the parts that the product stands on can be used now; an app may add one of its own."""

import tempfile
from collections.abc import Callable
from logging import getLogger
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection

logger = getLogger(__name__)

Check = Callable[[], None]
_checks: dict[str, Check] = {}


def register(name: str, check: Check) -> None:
    """Add a part to the readiness check, or replace the part of this name.

    Args:
        name: what the answer calls the part.
        check: returns when the part can be used and raises any exception when it cannot; it is
            asked often, so it takes milliseconds.
    """
    _checks[name] = check


def failing() -> list[str]:
    """Return the names of the parts that cannot be used now.

    SECURITY: only names leave here, for anybody may ask; what happened goes to the log.
    """
    return [name for name, check in _checks.items() if not _holds(name, check)]


def names() -> list[str]:
    """Return the names of all parts."""
    return list(_checks)


def _holds(name: str, check: Check) -> bool:
    try:
        check()
    except Exception as error:  # whatever it is, the part is what cannot be used
        logger.error("not_ready", extra={"part": name, "error": type(error).__name__})
        return False
    return True


def check_database() -> None:
    """Ask the database for one row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def check_queue() -> None:
    """Ask whether work could be handed to the workers."""
    from django_q.brokers import get_broker

    if not get_broker().ping():
        raise ConnectionError("The queue does not answer.")


def check_index() -> None:
    """Try to write where snapshots of the index are kept."""
    _require_writable(Path(settings.VECTOR_STORE_DIR))


def check_storage() -> None:
    """Try to write where uploaded files are kept; of a remote storage, ask for a file."""
    try:
        folder = Path(default_storage.path(""))
    except NotImplementedError:
        default_storage.exists("ready")
    else:
        _require_writable(folder)


def _require_writable(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"1")


register("database", check_database)
register("queue", check_queue)
register("index", check_index)
register("storage", check_storage)
