"""What the templates show of an answer and of a list of conversations."""

import datetime
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import User
from rag.models import Conversation, Message
from rag.rendering import Citation, render_answer
from rag.services.sources import answer_text, sources_of
from rag.turn_events import Source


@dataclass(frozen=True)
class Badge:
    """A word about the answer, and the class that colors it."""

    label: str
    style: str


@dataclass(frozen=True)
class AnswerView:
    """An answer, ready for `rag/_answer.html`."""

    message: Message
    html: SafeString
    sources: Sequence[Source]

    @property
    def cited(self) -> list[Source]:
        return [source for source in self.sources if source.cited]

    @property
    def considered(self) -> list[Source]:
        """Sources that were found and not cited; one that has gone says nothing any more."""
        return [source for source in self.sources if not source.cited and source.available]

    @property
    def badge(self) -> Badge | None:
        status = self.message.current_status
        if status == Message.Status.STOPPED:
            return Badge("Stopped", "badge-wait")
        # A greeting was not searched for, so the documents have nothing to do with it.
        was_searched = bool(self.message.search_query)
        if status == Message.Status.COMPLETED and was_searched and not self.message.grounded:
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


def _citation(source: Source) -> Citation:
    if not source.available:
        return Citation(url="", title="Source deleted or no longer shared with you")
    return Citation(url=source.url, title=f"{source.filename}, page {source.page}")


def present_answer(message: Message, *, user: User) -> AnswerView:
    """Return one answer with its sources, as far as the user may read them now."""
    return present_answers([message], user=user)[message.pk]


def present_answers(messages: Iterable[Message], *, user: User) -> dict[uuid.UUID, AnswerView]:
    """Return the answers among the messages, by their keys."""
    answers = [message for message in messages if message.role == Message.Role.ASSISTANT]
    sources = sources_of(messages=answers, user=user)
    return {answer.pk: _present(answer, sources[answer.pk]) for answer in answers}


def _present(answer: Message, sources: Sequence[Source]) -> AnswerView:
    text = answer_text(message=answer, sources=sources)
    # The spans are positions in the answer's own text, not in what may stand in its place.
    unsupported = answer.unsupported if text == answer.content else []
    html = render_answer(text, citations_of(sources), unsupported=unsupported)
    return AnswerView(message=answer, html=html, sources=sources)


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
