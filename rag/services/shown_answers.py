"""What a reader may see of an answer now: its text, its verdicts, and the passages behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.models import Message
from rag.services.sources import answer_text, passage_url
from rag.support.verdicts import CheckedSentence, from_stored
from rag.turn_events import Source

_MOST_RELATED = 3


@dataclass(frozen=True)
class ShownStatement:
    """What one document says to a question on which documents contradict each other.

    Attributes:
        start, end: characters into the page's text.
        url: the page with the statement marked.
    """

    n: int
    text: str
    start: int
    end: int
    url: str
    source: Source


@dataclass(frozen=True)
class ShownConflict:
    """Statements that can't all be in force, the newest document's first."""

    statements: Sequence[ShownStatement]


@dataclass(frozen=True)
class ShownAnswer:
    """An answer as its reader may see it.

    Attributes:
        sentences: those that claim something, with positions in the text.
        sources: the passages that it was given; none for one that does not know.
        related: the nearest passages, for one that does not know.
        conflicts: where the passages contradict each other on what was asked.
    """

    text: str
    sentences: tuple[CheckedSentence, ...]
    sources: Sequence[Source]
    related: Sequence[Source]
    conflicts: Sequence[ShownConflict] = ()

    @property
    def unsupported(self) -> list[list[int]]:
        """The spans [start, end] of the sentences that no passage supports."""
        return [[s.start, s.end] for s in self.sentences if s.status == "unsupported"]


def shown_answer(*, message: Message, sources: Sequence[Source]) -> ShownAnswer:
    """Return what may be seen of an answer with these sources, read with permissions of now."""
    text = answer_text(message=message, sources=sources)
    # The spans are positions in the answer's own text, not in what may stand in its place.
    sentences = from_stored(message.sentences) if text == message.content else ()
    if not does_not_know(message):
        conflicts = _conflicts(message, sources) if text == message.content else []
        return ShownAnswer(text, sentences, sources, (), conflicts)
    related = [source for source in sources if source.available][:_MOST_RELATED]
    return ShownAnswer(text, sentences, (), related)


def _conflicts(message: Message, sources: Sequence[Source]) -> list[ShownConflict]:
    """Return the contradictions in words, as far as at least two sides can be read now."""
    available = {source.n: source for source in sources if source.available}
    found = []
    for stored in message.conflicts:
        statements = [
            statement
            for said in stored
            if (source := available.get(said["n"]))
            and (statement := _statement(source, said["start"], said["end"]))
        ]
        if len(statements) > 1:
            found.append(ShownConflict(statements))
    return found


def _statement(source: Source, start: int, end: int) -> ShownStatement | None:
    text = source.content[max(0, start - source.start) : max(0, end - source.start)]
    if source.document_id is None or not text:
        return None
    span = (source.start, source.end)
    url = passage_url(source.document_id, source.page, span, (start, end), version=source.version)
    return ShownStatement(source.n, text, start, end, url, source)


def does_not_know(message: Message) -> bool:
    """Tell whether it was searched for an answer and none was found."""
    return (
        message.role == Message.Role.ASSISTANT
        and message.current_status == Message.Status.COMPLETED
        and bool(message.search_query)
        and not message.grounded
    )
