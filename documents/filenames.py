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
    name = unicodedata.normalize("NFC", raw).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(" " if c.isspace() else c for c in name if c.isspace() or _is_shown(c))
    name = " ".join(name.split())
    if not name.strip(". "):
        return _UNNAMED
    return _shortened(name)


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
