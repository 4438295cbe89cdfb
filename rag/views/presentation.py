"""What the templates show of an answer and of a list of conversations."""

import datetime
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from accounts.models import User
from rag.models import Conversation, Message
from rag.rendering import Citation, Mark, render_answer
from rag.services.shown_answers import ShownConflict, does_not_know, shown_answer
from rag.services.sources import passage_url, sources_of
from rag.support.sentences import words_of
from rag.support.verdicts import CheckedSentence
from rag.turn_events import Source

_MOST_CHARACTERS = 90  # of a sentence that is named below the answer


@dataclass(frozen=True)
class Badge:
    """A word about the answer, and the class that colors it."""

    label: str
    style: str


@dataclass(frozen=True)
class SentenceCheck:
    """A sentence that its reader should look at, and why."""

    text: str
    status: str
    reasons: Sequence[str]


@dataclass(frozen=True)
class AnswerView:
    """An answer, ready for `rag/_answer.html`.

    Attributes:
        said_by: numbers of the passages that say one of its sentences.
    """

    message: Message
    html: SafeString
    sources: Sequence[Source]
    related: Sequence[Source]
    checks: Sequence[SentenceCheck]
    conflicts: Sequence[ShownConflict]
    said_by: frozenset[int]

    @property
    def has_unsupported(self) -> bool:
        return any(check.status == "unsupported" for check in self.checks)

    @property
    def cited(self) -> list[Source]:
        """Sources that the answer names; where it names none, those that say its sentences."""
        named = [source for source in self.sources if source.cited]
        return named or [s for s in self.sources if s.n in self.said_by and s.available]

    @property
    def considered(self) -> list[Source]:
        """The other sources that were found; one that has gone says nothing any more."""
        cited = {source.n for source in self.cited}
        return [source for source in self.sources if source.n not in cited and source.available]

    @property
    def badge(self) -> Badge | None:
        status = self.message.current_status
        if status == Message.Status.STOPPED:
            return Badge("Stopped", "badge-wait")
        # A greeting was not searched for, so the documents have nothing to do with it.
        if does_not_know(self.message):
            return Badge("The documents do not say", "badge-wait")
        return None

    @property
    def is_failed(self) -> bool:
        return self.message.current_status == Message.Status.FAILED

    @property
    def can_ask_again(self) -> bool:
        status = self.message.current_status
        return status in (Message.Status.FAILED, Message.Status.STOPPED)

    @property
    def can_rate(self) -> bool:
        return self.message.current_status == Message.Status.COMPLETED

    @property
    def seconds(self) -> str:
        return f"{self.message.total_ms / 1000:.1f}" if self.message.total_ms else ""


def citations_of(sources: Iterable[Source]) -> dict[int, Citation]:
    """Return where each number leads; a source that has gone leads nowhere."""
    return {source.n: _citation(source) for source in sources}


def _citation(source: Source, quote: tuple[int, int] | None = None) -> Citation:
    if source.superseded:
        title = f"{source.filename}: a newer version of this document is in force"
        return Citation(url=source.url, title=title)
    if not source.available or source.document_id is None:
        return Citation(url="", title="Source deleted or no longer shared with you")
    url = source.url
    if quote is not None:
        span = (source.start, source.end)
        url = passage_url(source.document_id, source.page, span, quote, version=source.version)
    return Citation(url=url, title=_where(source))


def _where(source: Source) -> str:
    date = source.document_date
    dated = (
        f", {'uploaded' if source.dated_by == 'upload' else 'of'} {date:%-d %b %Y}" if date else ""
    )
    return f"{source.filename}, page {source.page}{dated}"


def present_answer(message: Message, *, user: User) -> AnswerView:
    """Return one answer with its sources, as far as the user may read them now."""
    return present_answers([message], user=user)[message.pk]


def present_answers(messages: Iterable[Message], *, user: User) -> dict[uuid.UUID, AnswerView]:
    """Return the answers among the messages, by their keys."""
    answers = [message for message in messages if message.role == Message.Role.ASSISTANT]
    sources = sources_of(messages=answers, user=user)
    return {answer.pk: _present(answer, sources[answer.pk]) for answer in answers}


def _present(answer: Message, sources: Sequence[Source]) -> AnswerView:
    shown = shown_answer(message=answer, sources=sources)
    marks = [_mark(sentence, sources) for sentence in shown.sentences]
    return AnswerView(
        message=answer,
        html=render_answer(shown.text, citations_of(sources), marks=marks),
        sources=shown.sources,
        related=shown.related,
        conflicts=shown.conflicts,
        checks=[_check(shown.text, s) for s in shown.sentences if s.status != "supported"],
        said_by=frozenset(n for sentence in shown.sentences for n in sentence.supported_by),
    )


def _mark(sentence: CheckedSentence, sources: Iterable[Source]) -> Mark:
    """Return how a sentence is marked, its citations leading to exactly what they quote."""
    quotes = {quote.n: (quote.start, quote.end) for quote in sentence.quotes}
    citations = {
        source.n: _citation(source, quotes[source.n]) for source in sources if source.n in quotes
    }
    style = "" if sentence.status == "supported" else sentence.status
    return Mark(sentence.start, sentence.end, style, citations)


def _check(text: str, sentence: CheckedSentence) -> SentenceCheck:
    words = Truncator(words_of(text[sentence.start : sentence.end])).chars(_MOST_CHARACTERS)
    return SentenceCheck(words, sentence.status, [flag.reason for flag in sentence.flags])


def group_by_age(conversations: Iterable[Conversation]) -> list[tuple[str, list[Conversation]]]:
    """Group conversations, which come newest first, by the day they were last used."""
    today = timezone.localdate()
    groups: dict[str, list[Conversation]] = {}
    for conversation in conversations:
        day = timezone.localtime(conversation.updated_at).date()
        groups.setdefault(_age_label(day, today), []).append(conversation)
    return list(groups.items())


def _age_label(day: datetime.date, today: datetime.date) -> str:
    age = (today - day).days
    if age < 1:
        return "Today"
    if age == 1:
        return "Yesterday"
    return "Past seven days" if age <= 7 else "Earlier"
