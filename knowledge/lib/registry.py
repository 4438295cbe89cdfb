"""Seams: a setting maps names to dotted paths, and the class behind one is loaded at first use."""

from collections.abc import Mapping
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

T = TypeVar("T")


def load(setting: str, adapters: Mapping[str, str], name: str, base: type[T]) -> type[T]:
    """Return the adapter class called `name`.

    Args:
        setting: the setting's name, for the error.
        adapters: names to dotted paths.
        name: the chosen one.
        base: what the class must derive from.

    Raises:
        ImproperlyConfigured: no such name, or the path leads to something else.
    """
    try:
        path = adapters[name]
    except KeyError:
        known = ", ".join(sorted(adapters))
        raise ImproperlyConfigured(f"{setting}: {name!r} is not one of {known}.") from None
    loaded = import_string(path)
    if not (isinstance(loaded, type) and issubclass(loaded, base)):
        raise ImproperlyConfigured(f"{setting}: {path} is not a {base.__name__}.")
    return loaded
