"""Tags and names of collections: how they are written, and when two of them are the same."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from documents.filenames import shown_line

MAX_TAGS = 20
MAX_TAG_CHARACTERS = 50
MAX_COLLECTION_CHARACTERS = 100


@dataclass(frozen=True)
class Label:
    """A tag or a collection: what is shown, and the key by which equal ones are known."""

    name: str
    key: str


class BadLabel(ValueError):
    """It is too long, or there are too many; the sentence is for who wrote it."""


def label_key(name: str) -> str:
    """Return what equal labels share: "Travel" and "travel" are the same one."""
    return unicodedata.normalize("NFC", shown_line(name).casefold())


def tags_of(names: Iterable[str]) -> list[Label]:
    """Return the tags, each once, in the order given; empty ones are left out.

    Raises:
        BadLabel: one is too long or has a comma, or they are too many.
    """
    tags: dict[str, Label] = {}
    for given in names:
        tag = _label(given, MAX_TAG_CHARACTERS, "A tag")
        if "," in tag.name:
            raise BadLabel("A tag has no comma in it.")
        if tag.key:
            tags.setdefault(tag.key, tag)
    if len(tags) > MAX_TAGS:
        raise BadLabel(f"A document has at most {MAX_TAGS} tags.")
    return list(tags.values())


def collection_of(name: str) -> Label:
    """Return the collection; an empty name is that of none.

    Raises:
        BadLabel: it is too long.
    """
    return _label(name, MAX_COLLECTION_CHARACTERS, "The name of a collection")


def _label(given: str, most: int, what: str) -> Label:
    name, key = shown_line(given), label_key(given)
    # Folding may make it longer: one sharp s becomes two.
    if max(len(name), len(key)) > most:
        raise BadLabel(f"{what} has at most {most} characters.")
    return Label(name, key)
