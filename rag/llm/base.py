"""The chat model seam: a rendered prompt with its passages in, a stream of text out."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

from knowledge.lib.errors import Unavailable
from rag.embedding.counting import EmbeddingCount
from rag.retrieval import Passage

# What every model says when the passages do not answer; nothing else counts as not knowing.
DONT_KNOW = "I don't know: I found no answer to this in the documents you can read."


@dataclass(frozen=True)
class ChatMessage:
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class ChatRequest:
    """What a model is asked.

    Attributes:
        messages: the rendered prompt, for models that read prompts.
        question: the question as searched, for models that pick sentences.
        passages: what may be cited; passages[i] is citation [i + 1].
        max_tokens: longest completion.
        timeout_s: seconds that the whole call may take; by default TURN_TIMEOUT_S.
        unknown: words of the question that none of the person's documents has.

    A rewording of a question has a prompt and no passages.
    """

    messages: tuple[ChatMessage, ...]
    question: str
    passages: tuple[Passage, ...]
    max_tokens: int
    timeout_s: float | None = None
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TokenUsage:
    """Tokens as the model counted them; zero for a model that counts none.

    Attributes:
        embedded: what it had embedded for the answer, if it compares sentences.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    embedded: EmbeddingCount | None = None


@dataclass(frozen=True)
class ChatDelta:
    """A piece of the answer; what else is known comes with the last one, or as often as it is.

    Attributes:
        confidence: from 0 to 1, how sure the model is that the passages answer at all.
    """

    text: str = ""
    usage: TokenUsage | None = None
    confidence: float | None = None


class ModelUnavailable(Unavailable):
    """The model server does not answer, or refuses; the message is for the person who asked.

    It holds nothing of the server's own text, which may quote the prompt or the key.

    Args:
        retry_after_s: when to ask again; None where that would not help.
    """

    code = "model_unavailable"

    def __init__(self, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message, details={"retry_after_s": retry_after_s} if retry_after_s else {})
        self.retry_after_s = retry_after_s


class ChatModel(ABC):
    """Answers from a prompt.

    Attributes:
        name: kept with each message and in the ledger.
        generates: whether it writes from a prompt, and so can reword a question, can use a
            passage without citing it, and costs tokens; False for one that copies sentences.
    """

    name: str
    generates: bool = True

    def warm_up(self) -> None:  # noqa: B027  most need nothing
        """Load what the first answer would wait for; called in a thread when a server starts."""

    @abstractmethod
    def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        """Yield the answer piece by piece; closing the iterator ends the call at the model.

        Raises:
            ModelUnavailable: the model can't be reached, times out, or refuses the request.
        """
