"""The words of one organization's FTS5 table: how many chunks have each, and what one may be."""

import json
import math
import re
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence, Set

from django.db import connection

from documents.models import DocumentChunk
from rag.index.scope import Scope
from rag.spelling import MOST_MISSPELT, is_no_slip, one_edit_away

# Up to so many chunks a word is counted; beyond, it is common.
MOST_COUNTED = 8_000
# Up to so many documents, the scope's chunks are listed beforehand.
FEW_DOCUMENTS = 50
_COUNT_FOR_S = 300.0  # how long a table is taken to be as large as it was
_SMALL = 1_000  # chunks; a smaller table is counted anew each time
# Words that stand in more chunks are no slips of the keyboard.
_ORDINARY = 500
_MOST_EDITS = 12  # corrections that are looked at, and chunks of the scope that are counted for one
_SCOPE_COUNT = 20
_READ = 100
_WORD = re.compile(r"[^\W\d_]+")


class Frequencies:
    """In how many chunks a word or phrase stands, remembered until the index changes."""

    def __init__(self, tables: int = 256) -> None:
        self._tables = tables
        self._counts: OrderedDict[str, tuple[uuid.UUID, dict[str, int]]] = OrderedDict()
        self._sizes: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def get(self, table: str, token: uuid.UUID, words: Sequence[str]) -> dict[str, int]:
        """Return the count of each word, up to one more than MOST_COUNTED."""
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

    def rarity(self, table: str, token: uuid.UUID, words: Sequence[str]) -> dict[str, float]:
        """Return for each word how much it tells: BM25's inverse document frequency."""
        size = self._size(table)
        return {
            word: math.log(1 + max(0.0, size - count + 0.5) / (count + 0.5))
            for word, count in self.get(table, token, words).items()
        }

    def _size(self, table: str) -> int:
        """Return about how many chunks the table has: counting them anew each time is slow."""
        now = time.monotonic()
        with self._lock:
            if len(self._sizes) > self._tables:
                self._sizes.clear()
            at, size = self._sizes.get(table, (-math.inf, 0))
        if now - at > _COUNT_FOR_S or size < _SMALL:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT count(*) FROM {table}_docsize")  # noqa: S608  # nosec B608
                size = cursor.fetchone()[0]
            with self._lock:
                self._sizes[table] = (now, size)
        return size


def corrections(
    table: str, words: Sequence[str], counts: Mapping[str, int], within: Scope
) -> dict[str, str]:
    """Return what misspelt words may have been, by word: words that the scope has just like that.

    SECURITY: what counts is whether the scope holds a word. A word that others' documents alone
    hold is as unknown as one that nobody's do, and nothing is corrected to it. Only words that the
    organization uses all the time are never taken for slips, whoever asks.
    """
    column, allowed = allowed_rows(within)
    missing = unknown(table, words, counts, within)
    found: dict[str, str] = {}
    if len(missing) > MOST_MISSPELT:
        return found
    for word in missing:
        if is_no_slip(word):
            continue
        edits = one_edit_away(word)
        known = [edits[stem] for stem in _existing(table, list(edits))][:_MOST_EDITS]
        held = {edit: _written(table, edit, column, allowed, most=_SCOPE_COUNT) for edit in known}
        if best := max(held.values(), default=0):
            found[word] = min(edit for edit, count in held.items() if count == best)
    return found


def unknown(
    table: str, words: Sequence[str], counts: Mapping[str, int], within: Scope
) -> list[str]:
    """Return the words that the scope has in no form."""
    rare = [word for word in words if counts[word] <= _ORDINARY]
    column, allowed = allowed_rows(within) if any(counts[word] for word in rare) else ("", set())
    return [w for w in rare if not (counts[w] and _in_scope(table, w, column, allowed, most=1))]


def allowed_rows(within: Scope) -> tuple[str, Set[object]]:
    """Return the column that tells whether a row is in the scope, and the values that are.

    Reading a row's document costs more than ranking it. Few documents have few chunks, whose keys
    the ranking brings anyhow; and with few documents most of the ranking has to be walked.
    """
    if len(within.keys) > FEW_DOCUMENTS:
        return "document", within.keys
    chunks = DocumentChunk.objects.filter(document__in=within.documents)
    return "rowid", set(chunks.order_by().values_list("pk", flat=True))


def _in_scope(table: str, word: str, column: str, allowed: Set[object], *, most: int) -> int:
    """Count the rows of the scope that have a word, up to `most`."""
    found = 0
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {column} FROM {table} WHERE {table} MATCH %s LIMIT %s",  # noqa: S608  # nosec B608
            [f'"{word}"', MOST_COUNTED],
        )
        while found < most and (rows := cursor.fetchmany(_READ)):
            found += sum(value in allowed for (value,) in rows)
    return min(found, most)


def _written(table: str, word: str, column: str, allowed: Set[object], *, most: int) -> int:
    """Count the rows of the scope, of the first that have its stem, that have the word itself."""
    keys: list[int] = []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {column}, rowid FROM {table} WHERE {table} MATCH %s LIMIT %s",  # noqa: S608  # nosec B608
            [f'"{word}"', MOST_COUNTED],
        )
        while len(keys) < most and (rows := cursor.fetchmany(_READ)):
            keys += [key for value, key in rows if value in allowed]
        cursor.execute(
            f"SELECT title, heading, text FROM {table} "  # noqa: S608  # nosec B608
            "WHERE rowid IN (SELECT value FROM json_each(%s))",
            [json.dumps(keys[:most])],
        )
        texts = (" ".join(row).lower() for row in cursor.fetchall())
        return sum(word in _WORD.findall(text) for text in texts)


def _existing(table: str, stems: Sequence[str]) -> list[str]:
    """Return those stems that the table has, in alphabetical order."""
    vocabulary = f"temp.vocabulary_{table}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {vocabulary} USING fts5vocab(main, {table}, row)"
        )
        cursor.execute(
            f"SELECT term FROM {vocabulary} "  # noqa: S608  # nosec B608
            "WHERE term IN (SELECT value FROM json_each(%s)) ORDER BY term",
            [json.dumps(stems)],
        )
        return [row[0] for row in cursor.fetchall()]


def _rows_with(table: str, word: str) -> int:
    """Count the rows that have the word, up to one more than MOST_COUNTED."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {table} MATCH %s LIMIT %s)",  # noqa: S608  # nosec B608
            [f'"{word}"', MOST_COUNTED + 1],
        )
        count: int = cursor.fetchone()[0]
        return count
