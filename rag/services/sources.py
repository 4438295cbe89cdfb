"""The passages behind answers, read anew each time with the reader's permissions of now."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlencode

from django.db import transaction
from django.urls import reverse

from accounts.models import User
from documents.models import Document, DocumentChunk
from rag.models import Message, MessageSource
from rag.retrieval import Passage
from rag.support.verdicts import from_stored
from rag.turn_events import Source

WITHHELD = (
    "This answer is no longer shown: a document it was based on was deleted, or is no longer "
    "shared with you."
)


def message_sources(*, message: Message, user: User) -> list[Source]:
    """Return the sources of one message, in the order of their numbers."""
    return sources_of(messages=[message], user=user)[message.pk]


def sources_of(*, messages: Iterable[Message], user: User) -> dict[uuid.UUID, list[Source]]:
    """Return the sources of each message, with two or three queries for all of them.

    SECURITY: `visible_to` decides here, at the time of reading; nothing of a passage is kept with
    the message.
    """
    messages = list(messages)
    found: dict[uuid.UUID, list[Source]] = {message.pk: [] for message in messages}
    rows = list(MessageSource.objects.filter(message__in=list(found)).order_by("number"))
    readable = (
        DocumentChunk.objects.visible_to(user)
        .select_related("document")
        .in_bulk([row.chunk_id for row in rows if row.chunk_id is not None])
    )
    # The document is there and the passage is not: a newer version has taken its place.
    orphans = {row.document_id for row in rows if row.chunk_id is None and row.document_id}
    changed = Document.objects.visible_to(user).in_bulk(orphans) if orphans else {}
    quotes = {message.pk: _quotes(message) for message in messages}
    for row in rows:
        chunk = readable.get(row.chunk_id) if row.chunk_id is not None else None
        if chunk is None and row.document_id in changed:
            found[row.message_id].append(_superseded(row, changed[row.document_id]))
            continue
        quote = quotes[row.message_id].get(row.number)
        found[row.message_id].append(_source(row, chunk, quote))
    return found


def _quotes(message: Message) -> Mapping[int, tuple[int, int]]:
    """Return the sentence of each passage that the answer took first, in characters of its page."""
    sentences = sorted(
        from_stored(message.sentences), key=lambda sentence: sentence.status != "supported"
    )
    found: dict[int, tuple[int, int]] = {}
    for quote in (quote for sentence in sentences for quote in sentence.quotes):
        found.setdefault(quote.n, (quote.start, quote.end))
    return found


def answer_text(*, message: Message, sources: Sequence[Source]) -> str:
    """Return what the reader may see of an answer.

    SECURITY: an answer holds words of its passages, so it goes when one of them goes: when its
    document is deleted or no longer shared with the reader.
    """
    return WITHHELD if is_withheld(message=message, sources=sources) else message.content


def is_withheld(*, message: Message, sources: Sequence[Source]) -> bool:
    """Tell whether the answer holds, or held, words of a passage that the reader may not read now.

    The words of a deleted document are gone from the answer too, so that it may be empty here.
    """
    gone = [source.n for source in sources if not (source.available or source.superseded)]
    if not gone or message.is_open:
        return False
    return message.sources.filter(number__in=gone, used=True).exists()


def are_readable(*, user: User, passages: Sequence[Passage]) -> bool:
    """Tell whether the documents of all passages are there, and the user may read them, now."""
    documents = {passage.document_id for passage in passages}
    if not documents:
        return True
    readable = Document.objects.completed().visible_to(user).filter(pk__in=documents)
    return readable.order_by().count() == len(documents)


@transaction.atomic  # a document that goes between the two would make the second fail
def keep_sources(
    *, message: Message, user: User, passages: Sequence[Passage]
) -> tuple[Passage, ...]:
    """Store which passages an answer is given, and return those that still exist.

    A document may go between the search and now: its passages are then not used at all.
    """
    keys = [passage.chunk_key for passage in passages]
    alive = set(
        DocumentChunk.objects.visible_to(user).filter(pk__in=keys).values_list("pk", flat=True)
    )
    kept = tuple(passage for passage in passages if passage.chunk_key in alive)
    MessageSource.objects.bulk_create(
        MessageSource(
            message=message,
            number=number,
            document_id=passage.document_id,
            chunk_id=passage.chunk_key,
            version=passage.version,
            page=passage.page,
            start=passage.start,
            end=passage.end,
            score=passage.score,
            used=True,  # until it is known what the answer took
        )
        for number, passage in enumerate(kept, start=1)
    )
    return kept


def found_sources(passages: Sequence[Passage]) -> list[Source]:
    """Return passages that were just retrieved as sources."""
    return [
        Source(
            n=number,
            chunk_id=passage.chunk_id,
            document_id=passage.document_id,
            filename=passage.filename,
            page=passage.page,
            start=passage.start,
            end=passage.end,
            content=passage.content,
            score=passage.score,
            cited=False,
            url=passage_url(
                passage.document_id,
                passage.page,
                (passage.start, passage.end),
                version=passage.version,
            ),
            available=True,
            document_date=passage.document_date,
            dated_by=passage.dated_by,
            version=passage.version,
        )
        for number, passage in enumerate(passages, start=1)
    ]


def _source(
    row: MessageSource, chunk: DocumentChunk | None, quote: tuple[int, int] | None
) -> Source:
    span = (row.start, row.end)
    if chunk is None or quote is None or not row.start <= quote[0] < quote[1] <= row.end:
        quote = None
    text = chunk.text[quote[0] - row.start : quote[1] - row.start] if chunk and quote else ""
    return Source(
        n=row.number,
        chunk_id=chunk.uid if chunk else None,
        document_id=chunk.document_id if chunk else None,
        filename=chunk.document.filename if chunk else "",
        page=row.page,
        start=row.start,
        end=row.end,
        content=chunk.text if chunk else "",
        score=row.score,
        cited=row.cited,
        url=passage_url(chunk.document_id, row.page, span, quote, version=row.version)
        if chunk
        else "",
        available=chunk is not None,
        quote=text,
        quote_start=quote[0] if quote else None,
        quote_end=quote[1] if quote else None,
        document_date=chunk.document.date if chunk else None,
        dated_by=chunk.document.dated_by if chunk else "",
        version=row.version,
    )


def _superseded(row: MessageSource, document: Document) -> Source:
    """Return a source whose passage went with an earlier version of its document."""
    return Source(
        n=row.number,
        chunk_id=None,
        document_id=document.pk,
        filename=document.filename,
        page=row.page,
        start=row.start,
        end=row.end,
        content="",
        score=row.score,
        cited=row.cited,
        url=f"{reverse('documents:detail', args=[document.pk])}#versions",
        available=False,
        version=row.version,
        superseded=True,
    )


def passage_url(
    document_id: uuid.UUID,
    page: int,
    passage: tuple[int, int],
    quote: tuple[int, int] | None = None,
    *,
    version: int = 1,
) -> str:
    """Return the address of a page with a sentence marked, and the rest of its passage lightly.

    Args:
        passage, quote: characters into the page's text; without a quote all of it is marked.
        version: of the document, in which they stand: in another one the page marks nothing.
    """
    marked = {"start": passage[0], "end": passage[1]}
    if quote and quote != passage:
        marked = {"start": quote[0], "end": quote[1], "from": passage[0], "to": passage[1]}
    if version > 1:
        marked["version"] = version
    address = reverse("documents:page", args=[document_id, page])
    return f"{address}?{urlencode(marked)}#passage"
