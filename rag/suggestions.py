"""Questions to begin with, made from the headings of documents the person may read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import User
from documents.models import Document, DocumentChunk
from documents.narrowing import EVERYTHING, Narrowing

_SUGGESTIONS = 4
_NAMED = 3
_DOCUMENTS_READ = 8
_HEADINGS_READ = 40
_NUMBERING = re.compile(r"(?:\d+\.)+\d*\s+|\d+\)\s+")
_SHORTEST, _LONGEST = 4, 60  # characters; shorter ones are numbers, longer ones whole sentences


@dataclass(frozen=True)
class Suggestion:
    """A question that the document should answer."""

    question: str
    filename: str


@dataclass(frozen=True)
class Welcome:
    """What can be asked about: how many documents, the newest ones, and questions to them."""

    count: int
    newest: Sequence[Document]
    suggestions: Sequence[Suggestion]


def welcome(*, user: User, narrowing: Narrowing = EVERYTHING) -> Welcome:
    """Return what the user can ask about, from documents they may read alone.

    Args:
        narrowing: which of them are to be asked.
    """
    readable = Document.objects.visible_to(user).narrowed(narrowing).completed()
    newest = list(readable.newest_first()[:_DOCUMENTS_READ])
    made = [(document, _heading(document)) for document in newest]
    # A question about one section is answered better than one about a whole document.
    made.sort(key=lambda pair: not pair[1])
    return Welcome(
        count=readable.count(),
        newest=newest[:_NAMED],
        suggestions=[_suggestion(document, heading) for document, heading in made[:_SUGGESTIONS]],
    )


def _suggestion(document: Document, heading: str) -> Suggestion:
    about = document.title or document.filename
    if heading:
        question = f"What does “{about}” say about {_as_topic(heading)}?"
    else:
        question = f"What is “{about}” about?"
    return Suggestion(question=question, filename=document.filename)


def _heading(document: Document) -> str:
    """Return a heading from the middle of the document; the first ones are often its title."""
    chunks = DocumentChunk.objects.filter(document=document).exclude(heading="")
    paths = chunks.order_by("chunk_index").values_list("heading", flat=True)[:_HEADINGS_READ]
    leaves = dict.fromkeys(path.rpartition(" > ")[2].strip() for path in paths)
    titles = {document.title.casefold(), document.filename.casefold()}
    usable = [
        leaf
        for leaf in leaves
        if _SHORTEST <= len(leaf) <= _LONGEST and leaf.casefold() not in titles
    ]
    return usable[len(usable) // 2] if usable else ""


def _as_topic(heading: str) -> str:
    """Return the heading as it reads inside a sentence: "3.1 Travel costs" gives "travel costs"."""
    words = _NUMBERING.sub("", heading).rstrip(" .:?!").split()
    if not words:
        return heading
    # Abbreviations and names of several capitals keep them.
    first = words[0].lower() if words[0][1:].islower() else words[0]
    return " ".join([first, *words[1:]])
