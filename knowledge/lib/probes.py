"""What is looked at of the installation: versions, settings, database, room, requests."""

import datetime
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from knowledge.lib import health, recent
from knowledge.lib.diagnostics import Audience, Line, State, register
from knowledge.lib.probe_words import bytes_text, moment_text

# Distributions whose versions decide how the product behaves; looked up without importing them.
_PACKAGES = (
    *("Django", "faiss-cpu", "torch", "sentence-transformers", "transformers", "numpy"),
    *("django-q2", "uvicorn", "openai", "pypdfium2"),
)
_LIMITS = (
    *("MAX_UPLOAD_BYTES", "MAX_BATCH_FILES", "MAX_PAGES", "MAX_DOCUMENT_CHUNKS"),
    *("MAX_QUERY_CHARACTERS", "REQUEST_PLACES", "SEARCH_PLACES", "ANSWER_PLACES"),
    *("MAX_CONNECTIONS", "EXTRACTION_MEMORY_BYTES", "INDEX_MEMORY_BYTES"),
)
_LARGE_WAL = 512 * 1024**2
_SHOWN = 10
_PART_ADVICE = {
    "database": "See what the database server says; DATABASE_URL names it.",
    "queue": "The queue is in the database: look there first.",
    "index": "Make the folder vector_store in DATA_DIR writable, or make room on its disk.",
    "storage": "Make the folder media in DATA_DIR writable, or make room on its disk.",
    "embedding": "Install or configure the model that the log names, or change to another one.",
}


def probe_versions(audience: Audience) -> Iterator[Line]:
    """Tell which versions run."""
    yield Line("Product", str(settings.PRODUCT_VERSION))
    yield Line("Python", f"{platform.python_version()} on {platform.system()}")
    for name in _PACKAGES:
        try:
            yield Line(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            advice = "Run pip install -r requirements.txt in the environment of the product."
            yield Line(name, "not installed", State.FAIL, advice)


def probe_configuration(audience: Audience) -> Iterator[Line]:
    """Tell what is configured. SECURITY: a list of what is harmless, for nobody lists secrets."""
    mode = str(settings.SETTINGS_MODULE).rpartition(".")[2]
    if settings.DEBUG:
        advice = "Set DEBUG=0: errors show settings and source code to whoever meets them."
        yield Line("Settings", f"{mode}, with debugging", State.WARN, advice)
    else:
        yield Line("Settings", f"{mode}, without debugging")
    hosts = list(settings.ALLOWED_HOSTS)
    yield Line("Hosts", "any name" if "*" in hosts else ", ".join(hosts))
    yield Line("Embedding model", f"{settings.EMBEDDING_MODEL} for new organizations")
    yield Line("Index", f"{settings.VECTOR_INDEX} for vectors, {settings.LEXICAL_INDEX} for words")
    yield Line("Reranker", Path(settings.RERANKER_MODEL).name or "none")
    yield Line("Answers by", _answers_by())
    storage = settings.STORAGES["default"]["BACKEND"].rpartition(".")[2]
    yield Line("Files in", storage)
    cache = settings.CACHES["default"]["BACKEND"].rpartition(".")[2]
    yield Line("Cache", cache)
    yield Line("Mail", "configured" if getattr(settings, "EMAIL_HOST", "") else "not configured")
    yield Line("Workers", str(settings.Q_CLUSTER["workers"]))
    for name in _LIMITS:
        yield Line(name, f"{getattr(settings, name):,}")


def _answers_by() -> str:
    if settings.LLM_PROVIDER != "openai":
        return str(settings.LLM_PROVIDER)
    key = "with a key" if settings.OPENAI_API_KEY else "without a key"
    return f"{settings.LLM_MODEL} at {without_secrets(settings.LLM_BASE_URL) or 'OpenAI'}, {key}"


def without_secrets(url: str) -> str:
    """Return a URL without user, password, query and fragment, any of which may be a secret."""
    if not url:
        return ""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def probe_database(audience: Audience) -> Iterator[Line]:
    """Tell its kind and size, and whether the migrations are applied."""
    if connection.vendor == "sqlite":
        yield from _sqlite()
    else:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            [size] = cursor.fetchone()
        yield Line("Kind", connection.display_name)
        yield Line("Size", bytes_text(size))
    yield _migrations()


def _sqlite() -> Iterator[Line]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        [mode] = cursor.fetchone()
    path = Path(str(connection.settings_dict["NAME"]))
    yield Line("Kind", f"SQLite, {path.name}")
    yield Line("Size", bytes_text(_size(path)))
    wal = _size(path.with_name(path.name + "-wal"))
    if mode != "wal":
        advice = "Put the database on a local disk: without a write-ahead log readers block writers"
        yield Line("Write-ahead log", f"off ({mode})", State.FAIL, advice + ".")
    elif wal > _LARGE_WAL:
        advice = "Something reads for very long: a backup or a query of one's own. End it."
        yield Line("Write-ahead log", bytes_text(wal), State.WARN, advice)
    else:
        yield Line("Write-ahead log", f"on, {bytes_text(wal)}")


def _migrations() -> Line:
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return Line("Migrations", "all applied")
    missing = tuple(f"{migration.app_label}.{migration.name}" for migration, _ in plan[:_SHOWN])
    advice = "Run manage.py bootstrap (after a backup), then restart web server and worker."
    return Line("Migrations", f"{len(plan)} not applied", State.FAIL, advice, missing)


def probe_parts(audience: Audience) -> Iterator[Line]:
    """Use each part once, as the readiness check does."""
    failing = health.failing()
    for name in health.names():
        if name in failing:
            advice = _PART_ADVICE.get(name, "The log has the reason, under not_ready.")
            yield Line(name.capitalize(), "cannot be used", State.FAIL, advice)
        else:
            yield Line(name.capitalize(), "can be used")


def probe_room(audience: Audience) -> Iterator[Line]:
    """Tell how much is free where the product writes; folders of one disk are one line."""
    folders: dict[str, str | Path] = {
        "database and keys": settings.DATA_DIR,
        "files": settings.MEDIA_ROOT,
        "indexes": settings.VECTOR_STORE_DIR,
        "temporary files": settings.FILE_UPLOAD_TEMP_DIR or tempfile.gettempdir(),
    }
    disks: dict[int, list[str]] = {}
    for name, folder in folders.items():
        disks.setdefault(_existing(Path(folder)).stat().st_dev, []).append(name)
    for names in disks.values():
        usage = shutil.disk_usage(_existing(Path(folders[names[0]])))
        name = "Disk" if len(disks) == 1 else f"Disk of {_and(names)}"
        yield _room(name, usage.free, usage.total)


def _room(name: str, free: int, total: int) -> Line:
    found = f"{bytes_text(free)} free of {bytes_text(total)}"
    advice = "Make room: delete documents, empty page_cache, move backups away, or add a disk."
    if free < settings.MIN_FREE_DISK_BYTES:
        return Line(name, f"nearly full: {found}", State.FAIL, advice)
    if free < 4 * settings.MIN_FREE_DISK_BYTES:
        return Line(name, found, State.WARN, advice)
    return Line(name, found)


def probe_requests(audience: Audience) -> Iterator[Line]:
    """Tell of slow and failed requests of the last 24 hours, in all processes of this machine."""
    found = recent.events(since=recent.day_ago())
    errors = [event for event in found if event.is_error]
    slow = recent.slow(found)
    if errors:
        advice = "Look a request id up in the log: its lines have the reason."
        name, said = "Errors", f"{len(errors):,} in 24 hours"
        yield Line(name, said, State.WARN, advice, _requests(errors))
    else:
        yield Line("Errors", "none in 24 hours")
    if slow:
        advice = "Is the machine busy, or the disk slow? See docs/operations.md on limits."
        said = f"{len(slow):,} over {settings.SLOW_REQUEST_MS:,} ms in 24 hours"
        yield Line("Slow requests", said, State.WARN, advice, _requests(slow))
    else:
        yield Line("Slow requests", f"none over {settings.SLOW_REQUEST_MS:,} ms in 24 hours")


def _requests(events: Sequence[recent.Event]) -> tuple[str, ...]:
    return tuple(
        f"{moment_text(datetime.datetime.fromtimestamp(event.at, tz=datetime.UTC))}  "
        f"{event.method} /{event.route}  {event.status} {event.code}".rstrip()
        + f"  {event.ms:,.0f} ms  request {event.request_id}"
        for event in events[:_SHOWN]
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


register("Versions", probe_versions, place=80, is_for_operator=True, is_facts=True)
register("Configuration", probe_configuration, place=90, is_for_operator=True, is_facts=True)
register("Parts", probe_parts, place=10, is_for_operator=True)
register("Database", probe_database, place=60, is_for_operator=True)
register("Room", probe_room, place=70, is_for_operator=True)
register("Requests", probe_requests, place=50, is_for_operator=True)
