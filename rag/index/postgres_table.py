"""One organization's table of words in PostgreSQL: made, filled, asked, compared with the rows.

The words are cut and stemmed here, not by the server, so that they are the same whatever locale a
database was made with, and the same as SQLite finds. PostgreSQL keeps them with their places
(`tsvector`) below an inverted index (GIN), and answers which rows have them.
"""

import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from documents.models import Document, DocumentChunk
from rag.index.base import Differences
from rag.index.grams import grams
from rag.index.scope import Scope
from rag.index.versions import lock_state
from rag.spelling import porter

_WORD = re.compile(r"[^\W_]+")
_ACCENTS = re.compile("[\u0300-\u036f]")
_LONGEST_WORD = 100  # characters; what is longer is no word that anybody types
_LAST_PLACE = 16_383  # PostgreSQL keeps no greater one
_BETWEEN_FIELDS = 10  # places, so that no phrase goes from a title into a text
_BATCH = 500
# Okapi BM25: how fast a word that comes again counts less, and how much a long chunk is held back.
_K1, _B = 1.2, 0.75
# Words of a usual chunk. Chunks are cut to one size, so that their mean needs not to be asked for.
_USUAL_SIZE = 90.0


def terms_of(text: str) -> list[str]:
    """Return the words of a text, stemmed, without accents, in their order."""
    folded = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
    folded = unicodedata.normalize("NFC", folded).lower()
    return [_stem(word[:_LONGEST_WORD]) for word in _WORD.findall(folded)]


def as_query(text: str) -> str:
    """Return the `tsquery` for words that stand one behind the other; empty without a word."""
    return " <-> ".join(f"'{term}'" for term in terms_of(text))


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    return porter(word) if word.isascii() else word


class WordsTable:
    """The table `rag_lexical_<organization>`.

    The statements name it by string: its name is made of hexadecimal digits here and nowhere else.
    """

    def __init__(self, organization_id: uuid.UUID) -> None:
        self.organization_id = organization_id
        self.name = f"rag_lexical_{organization_id.hex}"

    def exists(self) -> bool:
        """Tell whether anything was ever put into it."""
        return self._rows("SELECT to_regclass(%s) IS NOT NULL", [self.name])[0][0] is True

    def ensure(self) -> "WordsTable":
        """Make the table when it is missing."""
        if self.exists():
            return self
        with transaction.atomic():
            # Two that make it at once: `IF NOT EXISTS` alone would let the second one fail.
            self._execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [self.name])
            self._execute(
                f"CREATE TABLE IF NOT EXISTS {self.name} (chunk bigint PRIMARY KEY, "
                "document uuid NOT NULL, title text NOT NULL, heading text NOT NULL, "
                "text text NOT NULL, size integer NOT NULL, words tsvector NOT NULL)"
            )
            for column, kind in (("words", "USING gin (words)"), ("document", "(document)")):
                self._execute(
                    f"CREATE INDEX IF NOT EXISTS {self.name}_{column} ON {self.name} {kind}"
                )
        return self

    def discard(self) -> None:
        """Drop the table."""
        self._execute(f"DROP TABLE IF EXISTS {self.name}")

    def insert(self, chunks: Iterable[DocumentChunk], title: str) -> None:
        """Add the chunks of one document."""
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {self.name} (chunk, document, title, heading, text, size, words) "  # noqa: S608  # nosec B608
                "VALUES (%s, %s, %s, %s, %s, %s, %s::tsvector)",
                [
                    (
                        c.pk,
                        c.document_id,
                        title,
                        c.heading,
                        c.text,
                        *_words(title, c.heading, c.text),
                    )
                    for c in chunks
                ],
            )

    def delete(self, keys: Iterable[int]) -> None:
        """Take out the chunks of these keys."""
        self._execute(f"DELETE FROM {self.name} WHERE chunk = ANY(%s)", [list(keys)])  # noqa: S608  # nosec B608

    def project(self, keys: Sequence[int]) -> None:
        """Have the chunks of these keys in the table as their rows say, a batch a transaction."""
        for first in range(0, len(keys), _BATCH):
            batch = keys[first : first + _BATCH]
            with transaction.atomic():
                lock_state(self.organization_id)  # nothing is published or deleted meanwhile
                self.delete(batch)
                for chunk in self._chunks().filter(pk__in=batch):
                    self.insert([chunk], chunk.document.display_title)

    # --- what is in it ------------------------------------------------------------------------

    def count(self) -> int:
        """Return how many chunks are in the table."""
        return int(self._rows(f"SELECT count(*) FROM {self.name}")[0][0])  # noqa: S608  # nosec B608

    def differences(self) -> Differences:
        """Compare the table with the organization's chunks."""
        held = {
            row[0]: row[1:]
            for row in self._rows(
                f"SELECT chunk, document, title, md5(heading || chr(10) || text) FROM {self.name}"  # noqa: S608  # nosec B608
            )
        }
        rows = self._rows(
            "SELECT c.id, c.document_id, d.title, d.filename, md5(c.heading || chr(10) || c.text) "
            "FROM documents_documentchunk c JOIN documents_document d ON d.id = c.document_id "
            "WHERE d.organization_id = %s",
            [self.organization_id],
        )
        expected = {
            key: (document, Document(title=title, filename=filename).display_title, digest)
            for key, document, title, filename, digest in rows
        }
        both = held.keys() & expected.keys()
        return Differences(
            sorted(expected.keys() - held.keys()),
            sorted(held.keys() - expected.keys()),
            sorted(key for key in both if held[key] != expected[key]),
        )

    def misread(self) -> Iterator[int]:
        """Yield the chunks whose words are not those of the texts beside them."""
        last = 0
        while rows := self._rows(
            f"SELECT chunk, title, heading, text FROM {self.name} "  # noqa: S608  # nosec B608
            "WHERE chunk > %s ORDER BY chunk LIMIT %s",
            [last, _BATCH],
        ):
            last = rows[-1][0]
            words = [(row[0], *_words(*row[1:])) for row in rows]
            keys, sizes, vectors = (list(column) for column in zip(*words, strict=True))
            yield from (
                row[0]
                for row in self._rows(
                    f"SELECT t.chunk FROM {self.name} t JOIN "  # noqa: S608  # nosec B608
                    "unnest(%s::bigint[], %s::integer[], %s::text[]) AS e(chunk, size, words) "
                    "ON e.chunk = t.chunk "
                    "WHERE t.size <> e.size OR t.words <> e.words::tsvector ORDER BY t.chunk",
                    [keys, sizes, vectors],
                )
            )

    # --- what is found ------------------------------------------------------------------------

    def best(
        self, query: str, weights: Sequence[tuple[str, float]], *, k: int, within: Scope
    ) -> list[tuple[int, float]]:
        """Return the k chunks of a scope that match best, with their BM25 score.

        Args:
            query: a `tsquery` that they have to match.
            weights: what each word or phrase counts, as a `tsquery` each.
            k: how many at most.
            within: the documents whose chunks may be returned.
        """
        single = [(term.strip("'"), w) for term, w in weights if "<->" not in term]
        phrases = [(term, w) for term, w in weights if "<->" in term]
        scope, of_scope = within.documents.values("pk").query.sql_with_params()
        saturated = f"n * {_K1 + 1} / (n + {_K1} * ({1 - _B} + {_B} * t.size / {_USUAL_SIZE}))"
        rows = self._rows(
            "SELECT t.chunk, "  # noqa: S608  # nosec B608
            f"COALESCE((SELECT sum(w.weight * {saturated}) FROM "
            "(SELECT lexeme, cardinality(positions)::float8 AS n FROM unnest(t.words)) u JOIN "
            "unnest(%s::text[], %s::float8[]) AS w(word, weight) ON w.word = u.lexeme), 0) + "
            f"COALESCE((SELECT sum(p.weight * {saturated}) FROM (SELECT 1.0::float8 AS n) u, "
            "unnest(%s::text[], %s::float8[]) AS p(phrase, weight) "
            "WHERE t.words @@ p.phrase::tsquery), 0) AS score "
            f"FROM {self.name} t WHERE t.words @@ %s::tsquery AND t.document IN ({scope}) "
            "ORDER BY score DESC, t.chunk LIMIT %s",
            [
                *([one[at] for one in some] for some in (single, phrases) for at in (0, 1)),
                *(query, *of_scope, k),
            ],
        )
        return [(key, float(score)) for key, score in rows]

    def rows_with(self, query: str, *, most: int, within: Scope | None = None) -> int:
        """Count the rows, those of a scope alone where one is given, up to `most`."""
        allowed, values = _in(within)
        sql = (
            f"SELECT count(*) FROM (SELECT 1 FROM {self.name} t "  # noqa: S608  # nosec B608
            f"WHERE t.words @@ %s::tsquery{allowed} LIMIT %s) found"
        )
        return int(self._rows(sql, [query, *values, most])[0][0])

    def texts_with(self, query: str, *, most: int, within: Scope) -> list[str]:
        """Return title, heading and text of rows of a scope."""
        allowed, values = _in(within)
        sql = (
            f"SELECT t.title, t.heading, t.text FROM {self.name} t "  # noqa: S608  # nosec B608
            f"WHERE t.words @@ %s::tsquery{allowed} ORDER BY t.chunk LIMIT %s"
        )
        return ["\n".join(row) for row in self._rows(sql, [query, *values, most])]

    def existing(self, terms: Sequence[str]) -> list[str]:
        """Return those terms that the table has, in alphabetical order."""
        rows = self._rows(
            "SELECT term FROM unnest(%s::text[]) AS term WHERE EXISTS "  # noqa: S608  # nosec B608
            f"(SELECT 1 FROM {self.name} WHERE words @@ quote_literal(term)::tsquery) ",
            [list(terms)],
        )
        return sorted(row[0] for row in rows)

    def _chunks(self) -> QuerySet[DocumentChunk]:
        return DocumentChunk.objects.filter(
            document__organization_id=self.organization_id
        ).select_related("document")

    def _execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


def _words(title: str, heading: str, text: str) -> tuple[int, str]:
    """Return how many words a chunk has, and all of them with their places, as a `tsvector`."""
    places: dict[str, list[int]] = {}
    size, first = 0, 1
    pairs = grams(f"{title}\n{heading}\n{text}")
    for terms in (terms_of(title), terms_of(heading), terms_of(text), pairs):
        for at, term in enumerate(terms, start=first):
            places.setdefault(term, []).append(min(at, _LAST_PLACE))
        size, first = size + len(terms), first + len(terms) + _BETWEEN_FIELDS
    vector = " ".join(f"'{term}':{','.join(map(str, at))}" for term, at in places.items())
    return size, vector


def _in(within: Scope | None) -> tuple[str, Sequence[Any]]:
    if within is None:
        return "", ()
    scope, values = within.documents.values("pk").query.sql_with_params()
    return f" AND t.document IN ({scope})", values
