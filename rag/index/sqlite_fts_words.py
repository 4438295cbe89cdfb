"""The words of one organization's FTS5 table: how many chunks have each, and what one may be."""

import json
import re
from collections.abc import Mapping, Sequence, Set
from functools import cache

from django.db import connection

from documents.models import DocumentChunk
from rag.index import word_counts
from rag.index.scope import Scope
from rag.index.word_counts import MOST_COUNTED, SCOPE_COUNT

# Up to so many documents, the scope's chunks are listed beforehand.
FEW_DOCUMENTS = 50
_READ = 100
_WORD = re.compile(r"[^\W\d_]+")


def corrections(
    table: str, words: Sequence[str], counts: Mapping[str, int], within: Scope
) -> dict[str, str]:
    """Return what misspelt words may have been: `word_counts.corrections` on this table."""
    column, allowed = allowed_rows(within)
    return word_counts.corrections(
        unknown(table, words, counts, within),
        existing=lambda stems: _existing(table, stems),
        written=lambda word: _written(table, word, column, allowed, most=SCOPE_COUNT),
    )


def unknown(
    table: str, words: Sequence[str], counts: Mapping[str, int], within: Scope
) -> list[str]:
    """Return the words that the scope has in no form."""
    scope = cache(lambda: allowed_rows(within))  # read only where a word has to be looked up

    def has(word: str) -> bool:
        column, allowed = scope()
        return bool(_in_scope(table, word, column, allowed, most=1))

    return word_counts.unknown(words, counts, has)


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


def rows_with(table: str, word: str) -> int:
    """Count the rows that have the word, up to one more than MOST_COUNTED."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {table} MATCH %s LIMIT %s)",  # noqa: S608  # nosec B608
            [f'"{word}"', MOST_COUNTED + 1],
        )
        count: int = cursor.fetchone()[0]
        return count


def size_of(table: str) -> int:
    """Count the rows of a table."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}_docsize")  # noqa: S608  # nosec B608
        count: int = cursor.fetchone()[0]
        return count
