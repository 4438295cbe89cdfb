"""What a person is told when a turn fails of something that nobody has foreseen."""

import uuid
from logging import getLogger

from knowledge.lib import failures
from rag.turn_events import TurnFailed

logger = getLogger("knowledge.chat")

_UNFORESEEN = "Something went wrong while answering. Try again; if it stays, tell an administrator."


def explain(error: Exception, message_id: uuid.UUID) -> TurnFailed:
    """Say what a database that is busy means; whatever else it was goes to the log."""
    known = failures.explain(error)
    if known is not None:
        return TurnFailed(known.code, known.message, known.retry_after_s)
    logger.error("chat_failed", extra={"message_id": str(message_id)}, exc_info=error)
    return TurnFailed("error", _UNFORESEEN)
