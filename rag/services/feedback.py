"""Takes a person's opinion of an answer."""

from logging import getLogger

from accounts.models import User
from knowledge.lib.errors import Conflict, InvalidInput, NotFound
from rag.models import Message

logger = getLogger("knowledge.chat")

COMMENT_CHARACTERS = 1_000


def give_feedback(*, message: Message, actor: User, rating: str, comment: str = "") -> Message:
    """Set rating and comment of an answer of the actor's; an empty rating takes both back.

    Raises:
        NotFound: it is no answer of the actor's.
        Conflict: the answer is still being written.
        InvalidInput: no such rating, or the comment is too long.
    """
    answers = Message.objects.visible_to(actor).answers()
    if not answers.filter(pk=message.pk).exists():
        raise NotFound
    if message.is_open:
        raise Conflict("The answer is not complete yet.")
    if rating not in Message.Rating.values:
        raise InvalidInput("A rating is `up` or `down`.")
    if len(comment) > COMMENT_CHARACTERS:
        raise InvalidInput(f"A comment has at most {COMMENT_CHARACTERS} characters.")
    message.rating = rating
    message.comment = comment.strip() if rating else ""
    message.save(update_fields=["rating", "comment"])
    logger.info("feedback", extra={"message_id": str(message.pk), "rating": rating})
    return message
