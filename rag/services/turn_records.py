"""The rows of a turn: what is written when it starts and when it ends."""

import datetime
import uuid
from dataclasses import asdict, dataclass
from logging import getLogger

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from documents.narrowing import Narrowing
from knowledge.lib.errors import NotAllowed, NotFound
from rag.answering import Answer, answer_gate
from rag.embedding.counting import EmbeddingCount
from rag.languages import ENGLISH_READS_BEST
from rag.llm.base import DONT_KNOW, ChatModel
from rag.llm.metering import MeteredCall
from rag.models import Conversation, Message, MessageSource, UsageRecord
from rag.prompts.loader import Prompt
from rag.retrieval import check_query
from rag.services.call_budgets import require_room_for_answer
from rag.services.conversations import title_from
from rag.services.titles import request_title
from rag.services.turn_opening import OpenTurn
from rag.services.usage import record_calls
from rag.support.verdicts import as_stored

logger = getLogger("knowledge.chat")

_OF_NO_DOCUMENT = ("", DONT_KNOW, f"{DONT_KNOW} {ENGLISH_READS_BEST}")
_EMBEDDED_FOR = (UsageRecord.Feature.EMBED_QUESTION, UsageRecord.Feature.EMBED_ANSWER)


@dataclass(frozen=True)
class Settlement:
    """How a turn ended.

    Attributes:
        uses_all: whether the answer may hold words of every passage, cited or not.
        prompt: the answer's; None when no model read one.
        parameters: what else the answer depended on.
        calls: the model calls that were begun.
        timings: milliseconds of each stage that was begun, and in all ("total").
        embedded: what was embedded to search, and to check the answer.
        reserved: keys of what calls may hold of budgets.
    """

    status: str
    answer: Answer
    error_message: str
    searched: str
    model: str
    uses_all: bool
    prompt: Prompt | None
    parameters: dict[str, float]
    calls: tuple[MeteredCall, ...]
    timings: dict[str, int]
    embedded: tuple[EmbeddingCount, EmbeddingCount]
    reserved: tuple[uuid.UUID, ...]


def start_turn(
    *,
    user: User,
    query: str,
    conversation_id: uuid.UUID | None = None,
    narrowing: Narrowing | None = None,
) -> Message:
    """Store a question and its pending answer, in a new conversation or one of the user's.

    Args:
        narrowing: which documents the conversation asks from now on; None leaves that as it is.

    Returns:
        The answer; its `question` and `conversation` are loaded.

    Raises:
        InvalidInput, Unprocessable: the question is empty or too long.
        NotFound: the user has no such conversation.
        Overloaded: there is no room for another answer; nothing is stored.
        BudgetExceeded: a budget has no room for another answer; nothing is stored.
    """
    query = check_query(query)
    answer_gate.require_room()
    if user.organization_id is None:
        raise NotAllowed("Only members of an organization can ask.")
    now = timezone.now()
    with transaction.atomic():
        if conversation_id is None:
            conversation = Conversation(user=user, title=title_from(query))
        else:
            own = Conversation.objects.visible_to(user)
            found = own.filter(pk=conversation_id).first()
            if found is None:
                raise NotFound
            conversation = found
        if narrowing is not None:
            conversation.filters = narrowing.as_json()
        require_room_for_answer(user=user, query=query, conversation=conversation)
        conversation.updated_at = now
        conversation.full_clean(exclude=["user"])
        conversation.save()
        question = Message.objects.create(
            conversation=conversation, role=Message.Role.USER, content=query, created_at=now
        )
        answer = Message.objects.create(
            conversation=conversation,
            question=question,
            role=Message.Role.ASSISTANT,
            status=Message.Status.PENDING,
            # Later than the question by what the database can tell apart.
            created_at=now + datetime.timedelta(microseconds=1),
        )
        audit.record(
            action="chat.asked",
            actor=user,
            target=answer,
            conversation=str(conversation.pk),
            characters=len(query),
        )
        return answer


@transaction.atomic
def settle_turn(*, turn: OpenTurn, settlement: Settlement) -> None:
    """Write how the turn ended: the message, which sources it took, and what it cost."""
    # The conversation may have been deleted meanwhile; what the calls cost is recorded even so.
    message = Message.objects.select_for_update().filter(pk=turn.message.pk).first()
    if message is not None and message.status == Message.Status.STREAMING:
        _write(message, turn, settlement)
    record_calls(
        user=turn.user,
        message=message,
        calls=settlement.calls,
        embedded=zip(_EMBEDDED_FOR, settlement.embedded, strict=True),
        reserved=settlement.reserved,
    )
    _record(turn, settlement)
    # A model that writes may also find a title; a greeting asks none, and copies have none to give.
    if settlement.prompt is not None and not turn.history and settings.LLM_TITLES:
        request_title(conversation_id=turn.message.conversation_id)
    logger.info(
        "chat",
        extra={
            "message_id": str(turn.message.pk),
            "conversation_id": str(turn.message.conversation_id),
            "status": settlement.status,
            "model": settlement.model,
            "prompt_version": settlement.prompt.version if settlement.prompt else "",
            "variant": turn.setup.variant,
            "question_length": len(turn.question),
            "history": len(turn.history),
            "answer_length": len(settlement.answer.text),
            "cited": len(settlement.answer.cited),
            "grounded": settlement.answer.grounded,
            "prompt_tokens": _tokens(settlement)[0],
            "completion_tokens": _tokens(settlement)[1],
            "timings": settlement.timings,
        },
    )


def _record(turn: OpenTurn, settlement: Settlement) -> None:
    """Note in the audit trail which documents the answer was made of."""
    told = MessageSource.objects.filter(message=turn.message.pk, document__isnull=False)
    audit.record(
        action="chat.answered",
        actor=turn.user,
        target=turn.message,
        status=settlement.status,
        characters=len(settlement.answer.text),
        documents=[str(key) for key in dict.fromkeys(told.values_list("document_id", flat=True))],
        model=settlement.model,
        prompt_version=settlement.prompt.version if settlement.prompt else "",
    )


def _write(message: Message, turn: OpenTurn, settlement: Settlement) -> None:
    answer, prompt = settlement.answer, settlement.prompt
    message.status = settlement.status
    message.content = answer.text
    message.grounded = answer.grounded
    message.confidence = answer.confidence
    message.sentences = as_stored(answer.sentences)
    message.conflicts = [
        [asdict(statement) for statement in conflict.statements] for conflict in answer.conflicts
    ]
    message.error_message = settlement.error_message
    message.search_query = settlement.searched
    message.model = settlement.model
    message.prompt_version = prompt.version if prompt else ""
    message.prompt_sha256 = prompt.sha256 if prompt else ""
    message.parameters = settlement.parameters
    message.answer_settings_id = turn.setup.settings_id
    message.variant = turn.setup.variant if settlement.model else ""
    message.prompt_tokens, message.completion_tokens = _tokens(settlement)
    message.timings = settlement.timings
    message.retrieval_ms = settlement.timings.get("retrieve", 0)
    message.total_ms = settlement.timings["total"]
    message.save()
    message.sources.filter(number__in=answer.cited).update(cited=True)
    # "I don't know" holds nothing of any document; the citation of what was cut off was to come.
    is_complete = settlement.status == Message.Status.COMPLETED
    if (is_complete and not settlement.uses_all) or answer.text in _OF_NO_DOCUMENT:
        message.sources.exclude(number__in=answer.cited).update(used=False)
    if message.sources.filter(used=True, document=None).exists():
        # A document was deleted meanwhile: as with every answer made of it, nothing stays.
        Message.objects.filter(pk=message.pk).update(
            content="", search_query="", sentences=[], conflicts=[]
        )


def answer_parameters(model: ChatModel | None, top_k: int) -> dict[str, float]:
    """Return what an answer depends on besides its prompt, its model and its passages."""
    if model is None:
        return {}
    parameters: dict[str, float] = {"top_k": top_k}
    if model.generates:
        parameters |= {
            "temperature": settings.LLM_TEMPERATURE,
            "max_tokens": settings.LLM_MAX_TOKENS,
            "context_characters": settings.LLM_CONTEXT_CHARACTERS,
        }
    return parameters


def _tokens(settlement: Settlement) -> tuple[int, int]:
    usages = [call.usage for call in settlement.calls]
    prompt = sum(usage.prompt_tokens for usage in usages)
    return prompt, sum(usage.completion_tokens for usage in usages)
