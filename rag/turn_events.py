"""What happens while an answer is written, in the order in which it does."""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A passage behind an answer, as far as the reader may see it now.

    Attributes:
        n: the number in the citation `[n]`.
        start, end: characters into the page's text.
        quote: the sentence of it that says what the answer says, "" where none is known;
            `quote_start`, `quote_end`: characters into the page's text, None without a quote.
        document_date: the document's own date, or of its upload, as `dated_by` says ("text",
            "file", "upload"); None when it is not available.
        cited: whether the answer cites it.
        url: the page with the quote or the passage marked; empty when it is not available.
        available: whether the document is still there, and the reader may read it; if not,
            `document_id` and `chunk_id` are None, `filename` and `content` empty.
        version: of the document, that the passage is of.
        superseded: whether the document is there and readable, but the passage is of an earlier
            version: `available` is False, and of the document only its id, name and address are
            told.
    """

    n: int
    chunk_id: uuid.UUID | None
    document_id: uuid.UUID | None
    filename: str
    page: int
    start: int
    end: int
    content: str
    score: float
    cited: bool
    url: str
    available: bool
    quote: str = ""
    quote_start: int | None = None
    quote_end: int | None = None
    document_date: datetime.date | None = None
    dated_by: str = ""
    version: int = 1
    superseded: bool = False


@dataclass(frozen=True)
class SourcesFound:
    """Comes first, also when nothing was found."""

    sources: Sequence[Source]


@dataclass(frozen=True)
class TokenArrived:
    """A piece of the answer, its citations checked."""

    text: str


@dataclass(frozen=True)
class TurnDone:
    """The message is saved; its text is the final one, which the pieces may differ from."""

    message_id: uuid.UUID


@dataclass(frozen=True)
class TurnFailed:
    """The message is saved as failed, with its sources.

    Attributes:
        code: stable, for scripts.
        message: one sentence for a person.
        retry_after_s: when trying again may help; None where it would not.
        status: of HTTP, where there is one answer and no stream.
    """

    code: str
    message: str
    retry_after_s: int | None = None
    status: int = 503


TurnEvent = SourcesFound | TokenArrived | TurnDone | TurnFailed
