"""Budgets around the model calls of a turn: asked before it, held during each call."""

import asyncio
import uuid

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from rag import budgets
from rag.answer_setup import setup_for
from rag.greetings import reply_to_greeting
from rag.llm.metering import MeteredCall
from rag.llm.registry import get_chat_model
from rag.models import Conversation
from rag.prices import PriceTable


def require_room_for_answer(*, user: User, query: str, conversation: Conversation) -> None:
    """Refuse a question, before it is stored, that even the shortest prompt has no room for.

    Greetings, and an answerer that generates nothing, cost nothing, and no budget holds them.

    Raises:
        BudgetExceeded: says which one, and when it starts anew.
    """
    if user.organization_id is None or not budgets.applicable(user) or reply_to_greeting(query):
        return
    setup = setup_for(organization_id=user.organization_id, conversation=conversation)
    model = get_chat_model(setup.model)
    if not model.generates:
        return
    tokens = settings.LLM_MAX_TOKENS
    price = PriceTable().price_of(model.name, timezone.now())
    budgets.require_room(user=user, tokens=tokens, cost=price.cost(completion=tokens))


async def reserve_call(
    call: MeteredCall, *, user: User, message_id: uuid.UUID | None = None
) -> None:
    """Hold what a call may cost at most; it is given back when the turn is settled.

    Raises:
        BudgetExceeded: the call must not be begun.
    """
    if not call.model.generates:
        return
    reserving = asyncio.ensure_future(sync_to_async(_reserve)(user, call, message_id))
    try:
        await asyncio.shield(reserving)
    except asyncio.CancelledError:
        # The thread goes on: what it holds must be there when the turn is settled.
        await asyncio.gather(reserving, return_exceptions=True)
        raise


def _reserve(user: User, call: MeteredCall, message_id: uuid.UUID | None) -> None:
    most = call.most
    price = PriceTable().price_of(call.model.name, timezone.now())
    budgets.reserve(
        key=call.id,
        user=user,
        message_id=message_id,
        tokens=most.prompt_tokens + most.completion_tokens,
        cost=price.cost(prompt=most.prompt_tokens, completion=most.completion_tokens),
        estimate=budgets.Estimate(
            feature=call.feature,
            model=call.model.name,
            prompt_tokens=call.estimated_prompt_tokens,
            completion_tokens=most.completion_tokens,
        ),
    )
