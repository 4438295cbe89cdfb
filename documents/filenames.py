"""Cleans the name of an uploaded file for display; it is never used as a path."""

import unicodedata

MAX_CHARACTERS = 255
MAX_EXTENSION_CHARACTERS = 16
_UNNAMED = "unnamed"
# Joiners shape letters of some scripts and are harmless; every other format character (the
# right-to-left override that makes "gpj.exe" read as a picture, say) is taken out.
_KEPT_FORMAT_CHARACTERS = "\u200c\u200d"


def display_name(raw: str) -> str:
    """Return the last part of a path, without characters that hide or reorder what is shown."""
    name = shown_line(unicodedata.normalize("NFC", raw).replace("\\", "/").rsplit("/", 1)[-1])
    if not name.strip(". "):
        return _UNNAMED
    return _shortened(name)


def renamed(current: str, wanted: str) -> str:
    """Return the name that a person typed, with the extension of the current one.

    Empty when nothing of it can be shown.
    """
    name = shown_line(wanted.replace("/", "-").replace("\\", "-"))
    extension = extension_of(current)
    if extension and name.casefold().endswith(extension.casefold()):
        name = name[: -len(extension)].rstrip()
    return _shortened(name + extension) if name.strip(". ") else ""


def with_extension_of(current: str, other: str) -> str:
    """Return the current name with the extension of the other one."""
    old, new = extension_of(current), extension_of(other)
    if old.casefold() == new.casefold():
        return current
    return _shortened((current[: -len(old)] if old else current) + new)


def extension_of(name: str) -> str:
    """Return the end of a name that says its type, with the dot; empty where it has none."""
    stem, dot, extension = name.rpartition(".")
    return dot + extension if stem and 0 < len(extension) <= MAX_EXTENSION_CHARACTERS else ""


def shown_line(text: str) -> str:
    """Return text as one line in NFC, without characters that hide or reorder what is shown."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(" " if c.isspace() else c for c in text if c.isspace() or _is_shown(c))
    return " ".join(text.split())


def _is_shown(character: str) -> bool:
    category = unicodedata.category(character)
    return not category.startswith("C") or character in _KEPT_FORMAT_CHARACTERS


def _shortened(name: str) -> str:
    """Cut the middle out of a long name, so that its extension stays."""
    if len(name) <= MAX_CHARACTERS:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > MAX_EXTENSION_CHARACTERS:
        return name[:MAX_CHARACTERS]
    return stem[: MAX_CHARACTERS - len(extension) - 1].rstrip() + dot + extension
