"""Which embedders there are; one instance a process and model, made at first use."""

import importlib.util
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from knowledge.lib import registry
from knowledge.lib.errors import Unavailable
from rag.embedding.base import Embedder

_instances: dict[str, Embedder] = {}
_lock = threading.Lock()
_threads: int | None = None


class EmbedderUnavailable(Unavailable, ImproperlyConfigured):
    """A model is not configured or not installed here, though an organization may use it."""


def get_embedder(name: str | None = None) -> Embedder:
    """Return the embedder called `name`, by default the configured one.

    Raises:
        EmbedderUnavailable: there is no such model, or its package is not installed.
    """
    name = name or settings.EMBEDDING_MODEL
    with _lock:  # two threads of one process must not load the weights twice
        if name not in _instances:
            require_available(name)
            _instances[name] = _adapter(name)()
            if _threads is not None:
                _instances[name].use_threads(_threads)
        return _instances[name]


@contextmanager
def standing_in(embedder: Embedder) -> Iterator[None]:
    """Let another embedder answer under its name, for the length of a `with` block."""
    with _lock:
        before = _instances.get(embedder.name)
        _instances[embedder.name] = embedder
    try:
        yield
    finally:
        with _lock:
            if before is None:
                del _instances[embedder.name]
            else:
                _instances[embedder.name] = before


def require_available(name: str) -> None:
    """Refuse a model that could not be loaded here, without loading it.

    Raises:
        EmbedderUnavailable: there is no such model, or its package is not installed.
    """
    try:
        adapter = _adapter(name)
    except ImproperlyConfigured as error:
        raise EmbedderUnavailable(
            f"The embedding model cannot be used. {error} An administrator can configure it, or"
            " change to another one (manage.py reembed)."
        ) from error
    for package in adapter.packages:
        if importlib.util.find_spec(package) is None:
            raise EmbedderUnavailable(
                f"The embedding model {name} needs the Python package {package}, which is not"
                " installed. An administrator can install it, or change to another model"
                " (manage.py reembed)."
            )


def dimension_of(name: str) -> int:
    """Return the length of a model's vectors, without loading it.

    Raises:
        EmbedderUnavailable: there is no such model, or its package is not installed.
    """
    require_available(name)
    return _adapter(name).dimension


def reads_many_languages(name: str) -> bool:
    """Tell whether a model was trained on many languages, without loading it."""
    return _adapter(name).reads_many_languages


def offered_models() -> list[str]:
    """Return the models that an organization could change to here."""
    return [name for name in settings.EMBEDDERS if _is_offered(name)]


def use_threads(count: int) -> None:
    """Let every model of this process compute with so many threads, those loaded later too."""
    global _threads  # noqa: PLW0603  one a process, like the processors it shares out
    with _lock:
        _threads = count
        for embedder in _instances.values():
            embedder.use_threads(count)


def _is_offered(name: str) -> bool:
    try:
        require_available(name)
    except EmbedderUnavailable:
        return False
    return not _adapter(name).stands_in


def _adapter(name: str) -> type[Embedder]:
    return registry.load("EMBEDDING_MODEL", settings.EMBEDDERS, name, Embedder)  # type: ignore[type-abstract]
