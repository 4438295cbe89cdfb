"""One turn of a conversation: the question is stored, answered as a stream, and settled.

No transaction is open while a model works. Whatever ends the stream, the message is settled: as
completed, failed or stopped, with what was produced until then, and every model call is metered.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from functools import partial
from logging import getLogger

from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db import OperationalError

from accounts.models import User
from documents.narrowing import Narrowing
from knowledge.lib import failures
from knowledge.lib.errors import AppError
from knowledge.lib.overload import Gate, Limits
from rag.answering import Answer, AnswerStream, answer_gate
from rag.budgets import BudgetExceeded
from rag.condensing import condense_by_model, condense_by_rule, condense_call
from rag.embedding.counting import EmbeddingCount
from rag.greetings import reply_to_greeting
from rag.languages import language_hint
from rag.llm.base import ChatModel, ModelUnavailable
from rag.llm.metering import MeteredCall
from rag.llm.registry import get_chat_model
from rag.models import Message
from rag.questions import not_found, passages_wanted
from rag.retrieval import retrieve
from rag.services.call_budgets import reserve_call
from rag.services.sources import are_readable, found_sources, keep_sources, message_sources
from rag.services.turn_failures import explain
from rag.services.turn_opening import OpenTurn, open_turn
from rag.services.turn_records import Settlement, answer_parameters, settle_turn, start_turn
from rag.services.watched_text import Withdrawn, while_readable
from rag.turn_events import (
    Source,
    SourcesFound,
    TokenArrived,
    TurnDone,
    TurnEvent,
    TurnFailed,
)

__all__ = [
    "Source",
    "SourcesFound",
    "TokenArrived",
    "TurnDone",
    "TurnEvent",
    "TurnFailed",
    "answer_question",
    "message_sources",
    "run_turn",
    "start_turn",
    "stream_turn",
]

logger = getLogger("knowledge.chat")


def _limits() -> Limits:
    # Half of the threads stay free for everything else.
    most = max(1, settings.REQUEST_PLACES // 2)
    return Limits(most, most // 2, settings.ANSWER_WAIT_S)


_blocking_gate = Gate("answers that hold a thread", _limits)
# Each try waits for the database on its own, up to DATABASE_BUSY_TIMEOUT_S.
_SAVE_PAUSES_S = (0.5, 2.0)
_saving: set[asyncio.Task[None]] = set()  # the loop itself holds only weak references


def answer_question(
    *,
    user: User,
    query: str,
    conversation_id: uuid.UUID | None = None,
    narrowing: Narrowing | None = None,
) -> tuple[Message, TurnFailed | None]:
    """Answer without streaming, and return the settled answer, and how it failed if it did.

    The calling thread waits meanwhile, so fewer of these run at once than of streams.

    Raises:
        Overloaded: too many wait already; nothing is stored.
        InvalidInput, Unprocessable, NotFound: as `start_turn`.
    """
    with _blocking_gate.entered():
        message = start_turn(
            user=user, query=query, conversation_id=conversation_id, narrowing=narrowing
        )
        failure = _drain(user, message.pk, None)
    return Message.objects.get(pk=message.pk), failure


def run_turn(*, user: User, message_id: uuid.UUID, top_k: int | None = None) -> Message:
    """Answer a pending message without streaming, and return it settled."""
    _drain(user, message_id, top_k)
    return Message.objects.get(pk=message_id)


def _drain(user: User, message_id: uuid.UUID, top_k: int | None) -> TurnFailed | None:
    async def drain() -> TurnFailed | None:
        last: TurnEvent | None = None
        async with aclosing(stream_turn(user=user, message_id=message_id, top_k=top_k)) as events:
            async for event in events:
                last = event
        return last if isinstance(last, TurnFailed) else None

    return async_to_sync(drain)()


async def stream_turn(
    *, user: User, message_id: uuid.UUID, top_k: int | None = None
) -> AsyncGenerator[TurnEvent, None]:
    """Answer a pending message, piece by piece; closing the iterator stops the model.

    Args:
        top_k: passages to answer from; by default RETRIEVAL_TOP_K.

    Raises:
        NotFound: the user has no such answer.
        Conflict: another stream writes it.
    """
    turn = await _open(user, message_id)
    if turn is None:  # settled before
        yield TurnDone(message_id)
        return
    writer = _Writer(turn, top_k or settings.RETRIEVAL_TOP_K)
    try:
        async with aclosing(writer.events()) as events:
            async for event in events:
                yield event
        await writer.settle(Message.Status.COMPLETED)
    except (asyncio.CancelledError, GeneratorExit):
        # The stop button, a closed tab, Ctrl-C: keep what was produced.
        await writer.settle(Message.Status.STOPPED)
        raise
    except Withdrawn:
        await writer.settle(Message.Status.STOPPED)
        yield TurnDone(message_id)  # whoever reads the message now finds it withheld
    except AppError as error:
        await writer.settle(Message.Status.FAILED, error.message)
        status = error.status if isinstance(error, BudgetExceeded) else 503
        yield TurnFailed(error.code, error.message, error.retry_after_s, status)
    except Exception as error:
        # The stream edge: its reader must learn that it ended, and the row must not stay open.
        failed = explain(error, message_id)
        await writer.settle(Message.Status.FAILED, failed.message)
        yield failed
    else:
        yield TurnDone(message_id)


async def _open(user: User, message_id: uuid.UUID) -> OpenTurn | None:
    """Claim the answer; whoever is cancelled meanwhile leaves it stopped, not open."""
    opening = asyncio.ensure_future(sync_to_async(open_turn)(user=user, message_id=message_id))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(AppError):
            if (turn := await opening) is not None:
                await _Writer(turn, 0).settle(Message.Status.STOPPED)
        raise


class _Writer:
    """Writes one answer, and knows at any time what there is of it."""

    def __init__(self, turn: OpenTurn, top_k: int) -> None:
        self.turn = turn
        self.top_k = top_k
        self.model: ChatModel | None = None
        self.condense: MeteredCall | None = None
        self.stream: AnswerStream | None = None
        self.line = ""  # what is said without asking a model
        self.answer: Answer | None = None
        self.searched = ""
        self.timings: dict[str, int] = {}
        self.embedded = EmbeddingCount()
        self.started = time.monotonic()
        self.settling: asyncio.Task[None] | None = None

    async def events(self) -> AsyncGenerator[TurnEvent, None]:
        """Understand the question, search, and let the model answer."""
        if greeting := reply_to_greeting(self.turn.question):
            for event in self._say(greeting):
                yield event
            return
        async with answer_gate.entered_by_task(), aclosing(self._answer()) as events:
            async for event in events:
                yield event

    async def _answer(self) -> AsyncGenerator[TurnEvent, None]:
        setup = self.turn.setup
        self.model = get_chat_model(setup.model)
        self.searched = await self._understand(self.model)
        self._note("understand", self.started)
        user, message = self.turn.user, self.turn.message
        found = await sync_to_async(retrieve)(
            user=user,
            query=self.searched,
            top_k=passages_wanted(self.searched, usual=self.top_k, most=settings.MAX_TOP_K),
            narrowing=self.turn.narrowing,
        )
        self.timings["retrieve"] = round(found.took_ms)
        self.embedded = found.embedded
        if found.missing_phrases:
            for event in self._say(not_found(found.missing_phrases)):
                yield event
            return
        kept = await sync_to_async(keep_sources)(
            message=message, user=user, passages=found.passages
        )
        self.stream = AnswerStream(
            question=found.searched,
            passages=kept,
            model=self.model,
            prompt=setup.answer_prompt,
            unknown=found.unknown,
            admit=partial(reserve_call, user=user, message_id=message.pk),
            hint=language_hint(self.turn.question, found.model),
        )
        yield SourcesFound(found_sources(kept))
        began = time.monotonic()
        # SECURITY: a document may go while a model still tells what stands in it.
        still_readable = partial(sync_to_async(are_readable), user=user, passages=kept)
        async with (
            aclosing(self.stream.pieces()) as pieces,
            aclosing(while_readable(pieces, still_readable)) as shown,
        ):
            async for text in shown:
                if "first_token" not in self.timings:
                    self._note("first_token", began)
                yield TokenArrived(text)
                self._note("write", began)
        began = time.monotonic()
        self.answer = await self.stream.conclude()
        self._note("check", began)

    def _say(self, line: str) -> tuple[TurnEvent, ...]:
        self.line = line
        return SourcesFound(()), TokenArrived(line)

    def _note(self, stage: str, since: float) -> None:
        """Keep how long a stage has taken; the last word of a stage that repeats counts."""
        self.timings[stage] = round((time.monotonic() - since) * 1000)

    async def _understand(self, model: ChatModel) -> str:
        """Return the question as it can be searched, with what it leaves to the history put in."""
        question, history = self.turn.question, self.turn.history
        if not history or not model.generates:
            return condense_by_rule(question, history)
        self.condense = condense_call(question, history, model, self.turn.setup.condense_prompt)
        try:
            turn = self.turn
            await reserve_call(self.condense, user=turn.user, message_id=turn.message.pk)
            return await condense_by_model(self.condense, question, history)
        except (ModelUnavailable, BudgetExceeded):
            return condense_by_rule(question, history)  # the answer will tell what is wrong

    async def settle(self, status: str, error_message: str = "") -> None:
        """Save the outcome once, whatever is cancelled meanwhile."""
        if self.settling is None:
            settlement = self._settlement(status, error_message)
            self.settling = asyncio.create_task(_save(self.turn, settlement))
            _saving.add(self.settling)
            self.settling.add_done_callback(_saving.discard)
        await asyncio.shield(self.settling)

    def _settlement(self, status: str, error_message: str) -> Settlement:
        answer = self.answer or Answer(self.line)
        if self.stream is not None and self.answer is None:
            answer = self.stream.so_far()
        of_answer = (self.stream.call, self.stream.judging) if self.stream else ()
        calls = [call for call in (self.condense, *of_answer) if call]
        return Settlement(
            status=status,
            answer=answer,
            error_message=error_message,
            searched=self.searched,
            model=self.model.name if self.model else "",
            uses_all=self.model is not None and self.model.generates,
            prompt=self.stream.prompt if self.stream else None,
            parameters=answer_parameters(self.model, self.top_k),
            # A call that was never begun has nothing to meter.
            calls=tuple(call for call in calls if call.was_begun),
            timings=self.timings | {"total": round((time.monotonic() - self.started) * 1000)},
            embedded=(
                self.embedded,
                self.stream.embedded if self.stream else EmbeddingCount(),
            ),
            reserved=tuple(call.id for call in calls),
        )


async def _save(turn: OpenTurn, settlement: Settlement) -> None:
    """Write the outcome; while the database is busy, try again: the answer has been paid for."""
    for pause_s in (*_SAVE_PAUSES_S, None):
        try:
            await sync_to_async(settle_turn)(turn=turn, settlement=settlement)
        except OperationalError as error:
            if pause_s is None or not failures.is_busy(error):
                raise
            logger.warning("settle_retry", extra={"message_id": str(turn.message.pk)})
            await asyncio.sleep(pause_s)
        else:
            return
