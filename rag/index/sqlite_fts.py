"""Words in SQLite FTS5: one table an organization, so that no tenant moves another's ranking.

BM25 weighs a word by how many chunks of the table have it. In a table shared by all, the order of
one organization's results would change with another's documents.
"""

import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Sequence, Set

from django.db import connection

from documents.models import DocumentChunk
from rag.index.base import Hit, IndexHealth, LexicalIndex
from rag.index.scope import Scope
from rag.index.sqlite_fts_table import FtsTable
from rag.models import OrganizationIndex
from rag.words import STOP_WORDS

# Rows that a query may rank. FTS5 scores every row that matches, at about a microsecond each, so
# words are added from the rarest on until their rows are this many; the rest would add little.
# On SciFact (20k chunks, long claims): nDCG@10 0.687 without a limit, 0.683 with 8,000, 0.672 with
# 4,000, for 13, 10 and 6 ms.
ROW_BUDGET = 8_000
# Up to so many documents, the scope's chunks are listed beforehand.
FEW_DOCUMENTS = 50
# Most words of a question that are looked up at all.
MAX_WORDS = 48
# How many keys of each kind of fault are named.
EXAMPLES = 5
# Weights of the columns in BM25: document (not indexed), title, heading, text.
WEIGHTS = "0.0, 1.0, 1.0, 1.0"
_WORD = re.compile(r"\w+")


class SqliteFtsIndex(LexicalIndex):
    """FTS5 with Porter stems, in the database of the rows and so in their transaction."""

    def __init__(self) -> None:
        self._frequencies = _FrequencyCache()

    def add(self, organization_id: uuid.UUID, chunks: Sequence[DocumentChunk], title: str) -> None:
        FtsTable(organization_id).ensure().insert(chunks, title)

    def remove(self, organization_id: uuid.UUID, document_ids: Sequence[uuid.UUID]) -> None:
        chunks = DocumentChunk.objects.filter(document_id__in=document_ids)
        FtsTable(organization_id).ensure().delete(chunks.values_list("pk", flat=True))

    def discard(self, organization_id: uuid.UUID) -> None:
        FtsTable(organization_id).discard()

    def search(self, query: str, *, k: int, state: OrganizationIndex, within: Scope) -> list[Hit]:
        words = _words(query)
        if not words or not within:
            return []
        table = FtsTable(state.pk).ensure().name
        match = self._match(table, state.token, words)
        if match is None:
            return []
        return _best(table, match, k, within)

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
            examples={
                "missing": found.missing[:EXAMPLES],
                "extra": found.extra[:EXAMPLES],
                "altered": found.altered[:EXAMPLES],
            },
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

    def _match(self, table: str, token: uuid.UUID, words: list[str]) -> str | None:
        """Return the FTS5 expression for the words worth looking up; None when no row has any."""
        counts = self._frequencies.get(table, token, words)
        known = sorted((word for word in words if counts[word]), key=lambda word: counts[word])
        if not known:
            return None
        chosen, rows = [known[0]], counts[known[0]]
        for word in known[1:]:
            rows += counts[word]
            if rows > ROW_BUDGET:
                break
            chosen.append(word)
        # When even the rarest word stands in very many rows, those that have the rarest ones
        # together are few enough.
        joint = counts[known[0]] > ROW_BUDGET
        quoted = [f'"{word}"' for word in (known[:4] if joint else chosen)]
        return (" AND " if joint else " OR ").join(quoted)


class _FrequencyCache:
    """In how many chunks a word stands, remembered until the index changes."""

    def __init__(self, tables: int = 256) -> None:
        self._tables = tables
        self._counts: OrderedDict[str, tuple[uuid.UUID, dict[str, int]]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, table: str, token: uuid.UUID, words: Sequence[str]) -> dict[str, int]:
        with self._lock:
            cached_token, counts = self._counts.pop(table, (token, {}))
            if cached_token != token:
                counts = {}
            self._counts[table] = (token, counts)
            while len(self._counts) > self._tables:
                self._counts.popitem(last=False)
            unknown = [word for word in words if word not in counts]
        fresh = {word: _rows_with(table, word) for word in unknown}
        with self._lock:
            counts.update(fresh)
            return {word: counts[word] for word in words}


def _rows_with(table: str, word: str) -> int:
    """Count the rows that have the word, up to one more than the budget."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {table} MATCH %s LIMIT %s)",  # noqa: S608
            [f'"{word}"', ROW_BUDGET + 1],
        )
        count: int = cursor.fetchone()[0]
        return count


def _best(table: str, match: str, k: int, within: Scope) -> list[Hit]:
    """Walk down the ranking until k rows of the scope are found or no row is left."""
    column, allowed = _allowed(within)
    sql = (
        f"SELECT rowid, rank, {column} FROM {table} WHERE {table} MATCH %s "  # noqa: S608
        f"AND rank MATCH 'bm25({WEIGHTS})' ORDER BY rank"
    )
    found: list[Hit] = []
    with connection.cursor() as cursor:
        cursor.execute(sql, [match])
        while len(found) < k and (rows := cursor.fetchmany(k)):
            # FTS5 ranks are lower for better.
            found += [Hit(key, -rank) for key, rank, value in rows if value in allowed]
    return found[:k]


def _allowed(within: Scope) -> tuple[str, Set[object]]:
    """Return the column that tells whether a row is in the scope, and the values that are.

    Reading a row's document costs more than ranking it. Few documents have few chunks, whose keys
    the ranking brings anyhow; and with few documents most of the ranking has to be walked.
    """
    if len(within.keys) > FEW_DOCUMENTS:
        return "document", within.keys
    chunks = DocumentChunk.objects.filter(document__in=within.documents)
    return "rowid", set(chunks.order_by().values_list("pk", flat=True))


def _words(query: str) -> list[str]:
    """Return the distinct words of a question without stop words, unless it has nothing else."""
    words = list(dict.fromkeys(_WORD.findall(query.lower())))
    return ([word for word in words if word not in STOP_WORDS] or words)[:MAX_WORDS]
