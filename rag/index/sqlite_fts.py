"""Words in SQLite FTS5: one table an organization, so that no tenant moves another's ranking.

BM25 weighs a word by how many chunks of the table have it. In a table shared by all, the order of
one organization's results would change with another's documents.
"""

import uuid
from collections.abc import Sequence

from django.db import connection

from documents.models import DocumentChunk
from rag.index.base import Hit, IndexHealth, LexicalIndex
from rag.index.query_words import (
    misspelt_words_of,
    phrase_of,
    plain_words_of,
    words_of,
    worth_looking_up,
)
from rag.index.scope import Scope
from rag.index.sqlite_fts_table import FtsTable
from rag.index.sqlite_fts_words import allowed_rows, corrections, rows_with, size_of, unknown
from rag.index.word_counts import MOST_COUNTED, Frequencies
from rag.models import OrganizationIndex

# Rows that a query may rank. FTS5 scores every row that matches, at about a microsecond each, so
# words are added from the rarest on until their rows are this many; the rest would add little.
# On SciFact (20k chunks, long claims): nDCG@10 0.687 without a limit, 0.683 with 8,000, 0.672 with
# 4,000, for 13, 10 and 6 ms.
ROW_BUDGET = MOST_COUNTED
# Weights of the columns in BM25: document (not indexed), title, heading, text, pairs of characters.
WEIGHTS = "0.0, 1.0, 1.0, 1.0, 1.0"


class SqliteFtsIndex(LexicalIndex):
    """FTS5 with Porter stems, in the database of the rows and so in their transaction."""

    def __init__(self) -> None:
        self._frequencies = Frequencies(rows_with=rows_with, size_of=size_of)

    def add(self, organization_id: uuid.UUID, chunks: Sequence[DocumentChunk], title: str) -> None:
        FtsTable(organization_id).ensure().insert(chunks, title)

    def remove(self, organization_id: uuid.UUID, document_ids: Sequence[uuid.UUID]) -> None:
        chunks = DocumentChunk.objects.filter(document_id__in=document_ids)
        FtsTable(organization_id).ensure().delete(chunks.values_list("pk", flat=True))

    def discard(self, organization_id: uuid.UUID) -> None:
        FtsTable(organization_id).discard()

    def search(
        self,
        query: str,
        *,
        k: int,
        state: OrganizationIndex,
        within: Scope,
        also: Sequence[str] = (),
        phrases: Sequence[str] = (),
    ) -> list[Hit]:
        words = words_of(query)
        others = [phrase_of(other) for other in also]
        required = [phrase_of(phrase) for phrase in phrases]
        if not words or not within or not all(required):
            return []
        table = FtsTable(state.pk).ensure().name
        match = self._match(table, state.token, words, others)
        if required:
            match = " AND ".join(f'"{phrase}"' for phrase in required)
        if match is None:
            return []
        return _best(table, match, k, within)

    def rarity(self, query: str, *, state: OrganizationIndex) -> dict[str, float]:
        table = FtsTable(state.pk).ensure().name
        return self._frequencies.rarity(table, state.token, words_of(query))

    def unknown(self, query: str, *, state: OrganizationIndex, within: Scope) -> list[str]:
        words = plain_words_of(query)
        if not words or not within:
            return []
        table = FtsTable(state.pk).ensure().name
        return unknown(table, words, self._frequencies.get(table, state.token, words), within)

    def corrections(self, query: str, *, state: OrganizationIndex, within: Scope) -> dict[str, str]:
        words = misspelt_words_of(query)
        if not words or not within:
            return {}
        table = FtsTable(state.pk).ensure().name
        counts = self._frequencies.get(table, state.token, words)
        return corrections(table, words, counts, within)

    def rebuild(self, organization_id: uuid.UUID) -> None:
        FtsTable(organization_id).ensure().replace_by_new()

    def health(self, organization_id: uuid.UUID) -> IndexHealth:
        table = FtsTable(organization_id).ensure()
        chunks = DocumentChunk.objects.filter(document__organization_id=organization_id)
        found, expected = table.differences(), chunks.count()
        return IndexHealth(
            backend="sqlite",
            index_type="FTS5",
            in_memory_version=None,
            entries=table.count(),
            expected=expected,
            present=expected - len(found.missing),
            missing=len(found.missing),
            extra=len(found.extra),
            altered=len(found.altered),
            damaged=not table.has_its_words(),
            examples=found.examples,
        )

    def is_sound(self, organization_id: uuid.UUID) -> bool:
        return FtsTable(organization_id).ensure().is_sound()

    def repair(self, organization_id: uuid.UUID) -> None:
        table = FtsTable(organization_id).ensure()
        # An entry that was altered behind FTS5's back can't be taken out word by word: only where
        # the words fit the entries may entries be exchanged one by one.
        if table.is_sound() and table.has_its_words():
            table.project(table.differences().keys)
        if not (table.is_sound() and table.has_its_words()):
            table.replace_by_new()

    def _match(
        self, table: str, token: uuid.UUID, words: list[str], others: Sequence[str] = ()
    ) -> str | None:
        """Return the FTS5 expression for the words worth looking up; None when no row has any."""
        counts = self._frequencies.get(table, token, [*words, *others])
        chosen, joint = worth_looking_up(counts, words=words, most=ROW_BUDGET)
        return (" AND " if joint else " OR ").join(f'"{one}"' for one in chosen) or None


def _best(table: str, match: str, k: int, within: Scope) -> list[Hit]:
    """Walk down the ranking until k rows of the scope are found or no row is left."""
    column, allowed = allowed_rows(within)
    sql = (
        f"SELECT rowid, rank, {column} FROM {table} WHERE {table} MATCH %s "  # noqa: S608  # nosec B608
        f"AND rank MATCH 'bm25({WEIGHTS})' ORDER BY rank"
    )
    found: list[Hit] = []
    with connection.cursor() as cursor:
        cursor.execute(sql, [match])
        while len(found) < k and (rows := cursor.fetchmany(k)):
            # FTS5 ranks are lower for better.
            found += [Hit(key, -rank) for key, rank, value in rows if value in allowed]
    return found[:k]
