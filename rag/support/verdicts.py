"""What was found out about the sentences of an answer, also as it is stored."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["supported", "weak", "unsupported"]
Kind = Literal["number", "unit", "date", "name", "negation", "citation", "meaning"]


@dataclass(frozen=True)
class Flag:
    """Something about a sentence that its reader should look at.

    Attributes:
        text: the word or number of the sentence, "" where it is the whole sentence.
        reason: a sentence for a person.
    """

    kind: Kind
    text: str
    reason: str


@dataclass(frozen=True)
class Quote:
    """The sentence of a passage that says it.

    Attributes:
        n: the passage's number, from 1.
        start, end: characters into the page's text.
    """

    n: int
    start: int
    end: int


@dataclass(frozen=True)
class CheckedSentence:
    """A sentence of an answer that claims something, and what the passages say to it.

    Attributes:
        start, end: characters into the answer, its citations included.
        citations: numbers of the passages that it names.
        supported_by: numbers of those that say it.
        quotes: for each of both, where one says it.
    """

    start: int
    end: int
    status: Status
    citations: tuple[int, ...] = ()
    supported_by: tuple[int, ...] = ()
    flags: tuple[Flag, ...] = ()
    quotes: tuple[Quote, ...] = ()

    @property
    def is_said(self) -> bool:
        """Whether some passage says it, be it in part, or another one than it names.

        A weak sentence is shown with its mark: who reads it can look at the passage. Taking it
        away would turn right answers in other words into "I don't know".
        """
        is_weak_and_cited = self.status == "weak" and bool(self.citations)
        return self.status == "supported" or bool(self.supported_by) or is_weak_and_cited


def as_stored(sentences: Iterable[CheckedSentence]) -> list[dict[str, Any]]:
    """Return the sentences as JSON; it holds words of the answer, and goes with it."""
    return [asdict(sentence) for sentence in sentences]


def from_stored(stored: Iterable[Mapping[str, Any]]) -> tuple[CheckedSentence, ...]:
    """Return the sentences from their JSON."""
    return tuple(
        CheckedSentence(
            start=each["start"],
            end=each["end"],
            status=each["status"],
            citations=tuple(each.get("citations", ())),
            supported_by=tuple(each.get("supported_by", ())),
            flags=tuple(Flag(**flag) for flag in each.get("flags", ())),
            quotes=tuple(Quote(**quote) for quote in each.get("quotes", ())),
        )
        for each in stored
    )
