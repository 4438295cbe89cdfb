"""What a reader may see of an answer now: its text, its verdicts, and the passages behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.models import Message
from rag.services.sources import answer_text
from rag.support.verdicts import CheckedSentence, from_stored
from rag.turn_events import Source

_MOST_RELATED = 3


@dataclass(frozen=True)
class ShownAnswer:
    """An answer as its reader may see it.

    Attributes:
        sentences: those that claim something, with positions in the text.
        sources: the passages that it was given; none for one that does not know.
        related: the nearest passages, for one that does not know.
    """

    text: str
    sentences: tuple[CheckedSentence, ...]
    sources: Sequence[Source]
    related: Sequence[Source]

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
        return ShownAnswer(text, sentences, sources, ())
    related = [source for source in sources if source.available][:_MOST_RELATED]
    return ShownAnswer(text, sentences, (), related)


def does_not_know(message: Message) -> bool:
    """Tell whether it was searched for an answer and none was found."""
    return (
        message.role == Message.Role.ASSISTANT
        and message.current_status == Message.Status.COMPLETED
        and bool(message.search_query)
        and not message.grounded
    )
