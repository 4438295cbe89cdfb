"""Where the quotes of a data set stand in what was read from its documents."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from documents.models import Page
from rag.evaluation.answer_sets import Evidence
from rag.turn_events import Source


@dataclass(frozen=True)
class Place:
    """Characters of a page; the whole page without `start`, the whole document without `page`."""

    document_id: uuid.UUID
    page: int | None = None
    start: int | None = None
    end: int = 0

    def holds(self, source: Source) -> bool:
        """Tell whether a passage overlaps it."""
        if source.document_id != self.document_id:
            return False
        if self.page is None:
            return True
        if source.page != self.page:
            return False
        return self.start is None or (source.start < self.end and self.start < source.end)


def places_of(evidence: Evidence, documents: Mapping[str, Sequence[uuid.UUID]]) -> list[Place]:
    """Return where evidence stands; empty where a quote stands in none of its documents.

    Args:
        documents: by id of the data set.
    """
    keys = [key for name in evidence.documents for key in documents.get(name, ())]
    if not evidence.quote:
        return [Place(key, evidence.page) for key in keys]
    found: list[Place] = []
    for page in Page.objects.filter(document__in=keys).order_by("document", "number"):
        if evidence.page in (None, page.number):
            found += [
                Place(page.document_id, page.number, start, end)
                for start, end in find_quote(evidence.quote, page.text)
            ]
    return found


def find_quote(quote: str, text: str) -> list[tuple[int, int]]:
    """Return each span of the text that says the quote, apart from case, blanks and punctuation.

    The marks of Markdown in a quote, and lines that were joined in the text, make no difference.
    """
    wanted = "".join(character for character in quote.casefold() if character.isalnum())
    kept = [
        (folded, place)
        for place, character in enumerate(text)
        if character.isalnum()
        for folded in character.casefold()
    ]
    packed = "".join(folded for folded, _ in kept)
    spans: list[tuple[int, int]] = []
    at = packed.find(wanted) if wanted else -1
    while at >= 0:
        spans.append((kept[at][1], kept[at + len(wanted) - 1][1] + 1))
        at = packed.find(wanted, at + 1)
    return spans


def is_any_held(places: Iterable[Place], sources: Iterable[Source]) -> bool:
    """Tell whether one of the passages overlaps one of the places."""
    sources = list(sources)
    return any(place.holds(source) for place in places for source in sources)
