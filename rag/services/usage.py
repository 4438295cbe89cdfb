"""Writes the calls of turns and searches into the ledger."""

import uuid
from collections.abc import Iterable, Sequence

from accounts.models import User
from rag import budgets, ledger
from rag.embedding.counting import EmbeddingCount
from rag.ledger import Entry, embedding_entry
from rag.llm.metering import MeteredCall
from rag.models import Message, UsageRecord

_Feature = UsageRecord.Feature


def record_calls(
    *,
    user: User,
    message: Message | None,
    calls: Iterable[MeteredCall],
    embedded: Iterable[tuple[str, EmbeddingCount]] = (),
    reserved: Sequence[uuid.UUID] = (),
) -> None:
    """Write the calls of one turn, and give back what they held, in the caller's transaction.

    Args:
        embedded: features, each with what was embedded for it.
        reserved: keys of reservations.
    """
    home = user.organization_id
    assert home is not None  # noqa: S101 - start_turn lets nobody else ask  # nosec B101
    budgets.release(reserved)
    calls = list(calls)
    counts = [*embedded]
    counts += [(_Feature.EMBED_ANSWER, c.usage.embedded) for c in calls if c.usage.embedded]
    message_id = message.pk if message else None
    ledger.write(
        [_call_entry(call, home, user, message_id) for call in calls]
        + [
            embedding_entry(
                count, feature=feature, organization_id=home, user_id=user.pk, message_id=message_id
            )
            for feature, count in counts
            if count.texts
        ]
    )


def record_search(*, user: User, embedded: EmbeddingCount) -> None:
    """Write what was embedded for a search, in the caller's transaction."""
    if user.organization_id is not None:
        entry = embedding_entry(
            embedded,
            feature=_Feature.EMBED_QUESTION,
            organization_id=user.organization_id,
            user_id=user.pk,
        )
        ledger.write([entry])


def _call_entry(
    call: MeteredCall, organization_id: uuid.UUID, user: User, message_id: uuid.UUID | None
) -> Entry:
    usage = call.usage
    return Entry(
        organization_id=organization_id,
        user_id=user.pk,
        message_id=message_id,
        call_id=call.id,
        feature=call.feature,
        model=call.model.name,
        outcome=call.outcome,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        ms=call.ms,
        begun_at=call.begun_at,
    )
