"""A passage: a chunk that was found, as it is read back, compared and chosen."""

import datetime
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, TruncDate

from accounts.models import User
from documents.models import DocumentChunk, Page
from rag.table_rows import lead_of, may_begin_inside, share_of_rows
from rag.value_forms import normalized

# Two chunks of one page that share this part of the shorter one say the same.
SAME_SPAN = 0.5
# Of one document, in a list that should draw on several; more of it only where no other has any.
_A_DOCUMENT = 3
_MOSTLY = 0.5
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " "})


@dataclass(frozen=True)
class Passage:
    """A chunk that was found, with where it stands.

    Attributes:
        chunk_key: key of the row; `chunk_id` is what scripts are given.
        page: number of the page, from 1.
        start, end: characters into the page's text.
        score: higher is better, comparable inside one result; the best has 1.
        similarity: cosine of question and chunk.
        rank: from 1.
        version: of the document, that it stands in.
        document_date: the document's own, or of its upload, as `dated_by` says.
        lead: what it lacks of the table that it begins inside of: the first row, and the beginning
            of a row that is cut.
    """

    chunk_key: int
    chunk_id: uuid.UUID
    document_id: uuid.UUID
    filename: str
    title: str
    heading: str
    page: int
    chunk_index: int
    start: int
    end: int
    content: str
    score: float
    similarity: float | None
    rank: int
    version: int = 1
    document_date: datetime.date | None = None
    dated_by: str = ""
    lead: str = ""


# Where the fields of a Passage are read from.
_COLUMNS: dict[str, str | Combinable] = {
    "chunk_key": "pk",
    "chunk_id": "uid",
    "document_id": "document_id",
    "filename": "document__filename",
    "title": "document__title",
    "version": "document__version",
    "heading": "heading",
    "page": "page",
    "chunk_index": "chunk_index",
    "start": "start",
    "end": "end",
    "content": "text",
    "document_date": Coalesce(
        "document__dated_on",
        TruncDate("document__version_at"),
        TruncDate("document__created_at"),
    ),
    "dated_by": "document__dated_by",
}


def read_back(keys: Sequence[int], user: User) -> dict[int, dict[str, Any]]:
    """Return the stored fields of a Passage for each chunk that the user may read, by key.

    SECURITY: through `visible_to`, so that even a wrong index shows nothing.
    """
    chunks = DocumentChunk.objects.visible_to(user).filter(pk__in=keys)
    # Rows, not objects: building two dozen models costs more than the query.
    rows = chunks.order_by().values_list(*_COLUMNS.values())
    return {row[0]: dict(zip(_COLUMNS, row, strict=True)) for row in rows}


def with_leads(passages: Sequence[Passage], user: User) -> tuple[Passage, ...]:
    """Return the passages, those that begin inside of a table with their lead.

    SECURITY: the rest of the page is read by permission too.
    """
    inside = {(p.document_id, p.page) for p in passages if p.start and may_begin_inside(p.content)}
    if not inside:
        return tuple(passages)
    pages = Page.objects.visible_to(user).filter(
        document__in={document for document, _ in inside}, number__in={page for _, page in inside}
    )
    texts = {
        (document, number): text
        for document, number, text in pages.values_list("document_id", "number", "text")
    }
    return tuple(
        replace(p, lead=lead_of(texts.get((p.document_id, p.page), ""), p.start))
        if (p.document_id, p.page) in inside
        else p
        for p in passages
    )


def holds_phrases(passage: Passage, phrases: Iterable[str]) -> bool:
    """Tell whether each phrase stands in the passage, or in the title or heading above it."""
    name = re.sub(r"[-_]", " ", passage.filename)
    places = (passage.content, passage.heading, passage.title, passage.filename, name)
    texts = [_plain(text) for text in places]
    return all(any(_plain(phrase) in text for text in texts) for phrase in phrases)


def choose(
    rankings: Sequence[Iterable[Passage]], *, top_k: int, from_several: bool = False
) -> tuple[Passage, ...]:
    """Return the best passages of the rankings in turns, once what says the same.

    Args:
        rankings: each best first; they are read as far as is needed.
        from_several: whether no document should fill the result while others have passages. Rows
            of a table say something else each, so that they may.
    """
    kept: list[Passage] = []
    passed: list[Passage] = []
    counts: Counter[uuid.UUID] = Counter()
    for passage in _in_turns(rankings):
        if any(_says_the_same(passage, other) for other in kept):
            continue
        if from_several and counts[passage.document_id] >= _A_DOCUMENT and not _is_table(passage):
            passed.append(passage)
            continue
        counts[passage.document_id] += 1
        kept.append(passage)
        if len(kept) == top_k:
            break
    for passage in passed:
        if len(kept) == top_k:
            break
        if not any(_says_the_same(passage, other) for other in kept):
            kept.append(passage)
    return tuple(_ranked(kept))


def _ranked(kept: Sequence[Passage]) -> Iterator[Passage]:
    """Number the passages; a score is never above that of the passage before."""
    lowest = float("inf")
    for rank, passage in enumerate(kept, start=1):
        lowest = min(lowest, passage.score)
        yield replace(passage, rank=rank, score=lowest)


def _in_turns(rankings: Sequence[Iterable[Passage]]) -> Iterator[Passage]:
    if len(rankings) == 1:
        yield from rankings[0]
        return
    for row in zip_longest(*rankings):
        yield from (passage for passage in row if passage is not None)


def _says_the_same(passage: Passage, other: Passage) -> bool:
    """Tell whether two passages are the same text, or overlap by most of the shorter one."""
    if passage.content == other.content:
        return True
    if (passage.document_id, passage.page) != (other.document_id, other.page):
        return False
    shared = min(passage.end, other.end) - max(passage.start, other.start)
    return shared >= SAME_SPAN * min(passage.end - passage.start, other.end - other.start)


def _is_table(passage: Passage) -> bool:
    return share_of_rows(passage.content) >= _MOSTLY


def _plain(text: str) -> str:
    return " ".join(normalized(text.translate(_QUOTES)).casefold().split())
