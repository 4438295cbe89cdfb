"""Which documents to ask or to list: a choice that narrows what a person may see."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from documents.labels import label_key

MOST_DOCUMENTS = 100


@dataclass(frozen=True)
class Narrowing:
    """A choice of documents; each part that is set narrows further, and none ever widens.

    Attributes:
        tags: a document has all of these.
        collection: it is in this one; empty for any.
        documents: it is one of these; empty for any.
    """

    tags: tuple[str, ...] = ()
    collection: str = ""
    documents: tuple[uuid.UUID, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tags or self.collection or self.documents)

    @classmethod
    def of(
        cls,
        *,
        tags: Iterable[str] = (),
        collection: str = "",
        documents: Iterable[uuid.UUID] = (),
    ) -> "Narrowing":
        """Return the choice with equal parts once, and empty ones left out."""
        by_key = {key: tag.strip() for tag in tags if (key := label_key(tag))}
        return cls(
            tags=tuple(by_key.values()),
            collection=collection.strip() if label_key(collection) else "",
            documents=tuple(dict.fromkeys(documents)),
        )

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Narrowing":
        """Return what `as_json` gave."""
        return cls.of(
            tags=kept.get("tags", ()),
            collection=kept.get("collection", ""),
            documents=map(uuid.UUID, kept.get("documents", ())),
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept; nothing of a document but its key is in it."""
        if not self:
            return {}
        return {
            "tags": list(self.tags),
            "collection": self.collection,
            "documents": [str(key) for key in self.documents],
        }


EVERYTHING = Narrowing()
"""The choice of whatever a person may see."""
