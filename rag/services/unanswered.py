"""Questions that the documents did not answer, as administrators may see them.

Nothing of a question is copied: the page reads the conversations themselves, so what is deleted
there is gone here.
"""

import datetime
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import audit
from accounts.models import User
from documents.models import Document
from knowledge.lib.errors import NotAllowed
from knowledge.lib.spreadsheets import csv_line
from rag.models import HandledQuestion, Message, MessageSource, QuestionPrivacy
from rag.querysets import MessageQuerySet
from rag.words import stems

# Answers looked at, the latest first.
MOST_ANSWERS = 2_000
_DAYS = 180
# Questions that share this part of all their stems are one (Jaccard).
_SAME = 0.6
_NEAR_DOCUMENTS = 3
_WORDINGS = 5


@dataclass
class Group:
    """Questions that ask nearly the same.

    Attributes:
        question: the latest wording.
        digests: what marks them as handled.
        near: documents whose passages were nearest, as far as the reader may read them.
    """

    question: str
    stems: frozenset[str]
    last_asked: datetime.datetime
    digests: set[str] = field(default_factory=set)
    wordings: list[str] = field(default_factory=list)
    askers: dict[uuid.UUID, str] = field(default_factory=dict)
    answers: list[uuid.UUID] = field(default_factory=list)
    near: list[Document] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.answers)

    @property
    def others(self) -> list[str]:
        """Other wordings of it."""
        return [wording for wording in self.wordings if wording != self.question][:_WORDINGS]


@dataclass(frozen=True)
class Unanswered:
    """What the page shows.

    Attributes:
        held_back: groups that too few people have asked.
    """

    privacy: QuestionPrivacy
    groups: Sequence[Group]
    held_back: int


def privacy_of(user: User) -> QuestionPrivacy:
    """Return the setting of the person's organization, or the default."""
    if user.organization_id is None:
        return QuestionPrivacy(mode=QuestionPrivacy.Mode.OFF)
    found = QuestionPrivacy.objects.filter(organization_id=user.organization_id).first()
    return found or QuestionPrivacy(organization_id=user.organization_id)


def notice_for(user: User) -> str:
    """Return the sentence that tells people what administrators see; empty where it is nothing."""
    mode = privacy_of(user).mode
    if mode == QuestionPrivacy.Mode.OFF:
        return ""
    names = "with" if mode == QuestionPrivacy.Mode.WITH_NAMES else "without"
    return f"Questions without an answer are shown to your administrators, {names} your name."


def count_unanswered(
    *, user: User, start: datetime.date | None, end: datetime.date | None
) -> int | None:
    """Return how many questions stayed unanswered; None for whom the page is not."""
    if not user.is_organization_admin:
        return None
    answers = _answers(user)
    if start:
        answers = answers.filter(created_at__date__gte=start)
    if end:
        answers = answers.filter(created_at__date__lte=end)
    return answers.count()


def unanswered(*, user: User) -> Unanswered:
    """Return what people of the administrator's organization asked in vain.

    SECURITY: names, and questions that few have asked, are left out here as the organization's
    setting says, not in the template.
    """
    _require_admin(user)
    privacy = privacy_of(user)
    if privacy.mode == QuestionPrivacy.Mode.OFF:
        return Unanswered(privacy, (), 0)
    groups = _grouped(user)
    shown = [group for group in groups if len(group.askers) >= privacy.minimum_askers]
    if privacy.mode != QuestionPrivacy.Mode.WITH_NAMES:
        for group in shown:
            group.askers = dict.fromkeys(group.askers, "")
    _add_near_documents(shown, user)
    shown.sort(key=lambda group: (group.count, group.last_asked), reverse=True)
    return Unanswered(privacy, shown, len(groups) - len(shown))


def csv_lines(found: Unanswered) -> Iterator[str]:
    """Yield what the page shows as lines of a CSV file: people by name, or how many."""
    with_names = found.privacy.mode == QuestionPrivacy.Mode.WITH_NAMES
    yield csv_line(["question", "times", "people", "last_asked", "also_asked_as", "documents"])
    for group in found.groups:
        yield csv_line(
            [
                group.question,
                group.count,
                ", ".join(group.askers.values()) if with_names else len(group.askers),
                timezone.localtime(group.last_asked).isoformat(timespec="seconds"),
                "\n".join(group.others),
                ", ".join(document.filename for document in group.near),
            ]
        )


@transaction.atomic
def mark_handled(*, user: User, digests: Iterable[str]) -> None:
    """Take questions off the page until somebody asks them again."""
    organization_id = _require_admin(user)
    now = timezone.now()
    known = {digest for group in unanswered(user=user).groups for digest in group.digests}
    chosen = sorted(known.intersection(digests))
    for digest in chosen:
        HandledQuestion.objects.update_or_create(
            organization_id=organization_id,
            digest=digest,
            defaults={"handled_by": user, "handled_at": now},
        )
    audit.record(action="unanswered.handled", actor=user, questions=len(chosen))


@transaction.atomic
def set_privacy(*, user: User, mode: str, minimum_askers: int) -> None:
    """Choose what administrators see."""
    _require_admin(user)
    privacy = privacy_of(user)
    privacy.mode, privacy.minimum_askers = mode, minimum_askers
    privacy.full_clean()
    privacy.save()
    audit.record(
        action="unanswered.privacy_changed",
        actor=user,
        target=privacy,
        mode=mode,
        minimum_askers=minimum_askers,
    )


def digest_of(organization_id: uuid.UUID | None, question_stems: Iterable[str]) -> str:
    """Return what a question is known by; it tells its words to nobody without the secret key."""
    said = f"{organization_id}:{' '.join(sorted(question_stems))}"
    return salted_hmac("rag.unanswered", said, algorithm="sha256").hexdigest()


def _require_admin(user: User) -> uuid.UUID:
    if not user.is_organization_admin or user.organization_id is None:
        raise NotAllowed
    return user.organization_id


def _answers(user: User) -> MessageQuerySet:
    """Return the complete answers of the organization that found nothing to stand on."""
    return Message.objects.of_organization(user.organization_id).unanswered()


def _grouped(user: User) -> list[Group]:
    since = timezone.now() - datetime.timedelta(days=_DAYS)
    found = (
        _answers(user)
        .filter(created_at__gte=since)
        .select_related("question", "conversation__user")
        .order_by("-created_at")[:MOST_ANSWERS]
    )
    handled = HandledQuestion.objects.times_of(user.organization_id)
    groups: list[Group] = []
    for answer in found:
        asked = answer.search_query
        said = frozenset(stems(asked)) or frozenset(asked.lower().split())
        digest = digest_of(user.organization_id, said)
        if digest in handled and answer.created_at <= handled[digest]:
            continue
        group = next((g for g in groups if _is_same(g.stems, said)), None)
        if group is None:
            group = Group(asked, said, answer.created_at)
            groups.append(group)
        group.digests.add(digest)
        group.answers.append(answer.pk)
        person = answer.conversation.user
        group.askers[person.pk] = person.display_name
        if asked not in group.wordings:
            group.wordings.append(asked)
    return groups


def _is_same(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= _SAME * len(one | other)


def _add_near_documents(groups: Sequence[Group], user: User) -> None:
    keys = [key for group in groups for key in group.answers[:_WORDINGS]]
    sources = MessageSource.objects.filter(message__in=keys).exclude(document=None)
    by_answer: dict[uuid.UUID, list[uuid.UUID]] = {}
    for message, document in sources.order_by("number").values_list("message_id", "document_id"):
        if document is not None:
            by_answer.setdefault(message, []).append(document)
    wanted = {document for documents in by_answer.values() for document in documents}
    readable = Document.objects.visible_to(user).in_bulk(list(wanted))
    for group in groups:
        near = [d for key in group.answers[:_WORDINGS] for d in by_answer.get(key, [])]
        group.near = [readable[d] for d in dict.fromkeys(near) if d in readable][:_NEAR_DOCUMENTS]
