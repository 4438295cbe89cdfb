"""One organization's FTS5 table: how it is made, filled, compared with the rows, and replaced."""

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from documents.models import Document, DocumentChunk
from rag.index.base import Differences
from rag.index.grams import grams
from rag.index.versions import get_state
from rag.models import IndexChange

_COLUMNS = "document, title, heading, text, grams"
_BATCH = 2_000
# The chunks of an organization, as the statements below name them.
_CHUNKS = (
    "documents_documentchunk c JOIN documents_document d ON d.id = c.document_id "
    "AND d.organization_id = %s"
)


class FtsTable:
    """The table `rag_lexical_<organization>`.

    The statements name it by string: its name is made of hexadecimal digits here and nowhere else.
    """

    def __init__(self, organization_id: uuid.UUID, *, suffix: str = "") -> None:
        self.organization_id = organization_id
        self.name = f"rag_lexical_{organization_id.hex}{suffix}"

    def ensure(self) -> "FtsTable":
        """Make the table when it is missing, in the caller's transaction."""
        if not self._exists():
            self._execute(
                f"CREATE VIRTUAL TABLE IF NOT EXISTS {self.name} USING fts5("
                f"{_COLUMNS.replace('document', 'document UNINDEXED')}, "
                "tokenize='porter unicode61 remove_diacritics 2')"
            )
        return self

    def insert(self, chunks: Iterable[DocumentChunk], title: str) -> None:
        """Add the chunks of one document."""
        rows = [
            (
                chunk.pk,
                chunk.document_id.hex,
                title,
                chunk.heading,
                chunk.text,
                " ".join(grams(f"{title}\n{chunk.heading}\n{chunk.text}")),
            )
            for chunk in chunks
        ]
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {self.name} (rowid, {_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)",  # noqa: S608  # nosec B608
                rows,
            )

    def delete(self, keys: Iterable[int]) -> None:
        """Take out the chunks of these keys."""
        self._execute(
            f"DELETE FROM {self.name} WHERE rowid IN (SELECT value FROM json_each(%s))",  # noqa: S608  # nosec B608
            [json.dumps(list(keys))],
        )

    def count(self) -> int:
        """Return how many chunks are in the table."""
        return int(self._rows(f"SELECT count(*) FROM {self.name}")[0][0])  # noqa: S608  # nosec B608

    def differences(self) -> Differences:
        """Compare the table with the organization's chunks; each answer is of one moment."""
        organization = [self.organization_id.hex]
        missing = self._rows(
            f"SELECT c.id FROM {_CHUNKS} LEFT JOIN {self.name} f ON f.rowid = c.id "  # noqa: S608  # nosec B608
            "WHERE f.rowid IS NULL",
            organization,
        )
        extra = self._rows(
            f"SELECT rowid FROM {self.name} WHERE rowid NOT IN (SELECT c.id FROM {_CHUNKS})",  # noqa: S608  # nosec B608
            organization,
        )
        altered = self._rows(
            f"SELECT c.id FROM {_CHUNKS} JOIN {self.name} f ON f.rowid = c.id "  # noqa: S608  # nosec B608
            "WHERE f.document IS NOT d.id OR f.heading IS NOT c.heading OR f.text IS NOT c.text",
            organization,
        )
        return Differences(
            sorted(row[0] for row in missing),
            sorted(row[0] for row in extra),
            sorted({*(row[0] for row in altered), *self._of_other_title()}),
        )

    def has_its_words(self) -> bool:
        """Tell whether the words that can be found are as many as were put in; it only reads.

        Summed over all words, and over all chunks: a part of the one or of the other that is lost
        shows. What keeps the sum and is wrong, `is_sound` finds.
        """
        vocabulary = f"temp.words_{self.name}"
        found = expected = rows = sizes = 0
        try:
            self._execute(f"DROP TABLE IF EXISTS {vocabulary}")
            self._execute(
                f"CREATE VIRTUAL TABLE {vocabulary} USING fts5vocab(main, {self.name}, row)"
            )
            with connection.cursor() as cursor:
                cursor.execute(  # one statement, and so of one moment
                    f"SELECT 0, sz FROM {self.name}_docsize "  # noqa: S608  # nosec B608
                    f"UNION ALL SELECT 1, sum(cnt) FROM {vocabulary} "
                    f"UNION ALL SELECT 2, count(*) FROM {self.name}"
                )
                while batch := cursor.fetchmany(_BATCH):
                    for kind, value in batch:
                        if kind == 0:
                            sizes, expected = sizes + 1, expected + _tokens(value)
                        elif kind == 1:
                            found = value or 0
                        else:
                            rows = value
            self._execute(f"DROP TABLE {vocabulary}")
        except DatabaseError as error:
            _require_damage(error)
            return False
        return found == expected and sizes == rows

    def is_sound(self) -> bool:
        """Have FTS5 compare its words with its rows."""
        try:
            with transaction.atomic():
                self._execute(f"INSERT INTO {self.name} ({self.name}) VALUES ('integrity-check')")  # noqa: S608  # nosec B608
        except DatabaseError as error:
            _require_damage(error)
            return False
        return True

    def project(self, keys: Sequence[int]) -> None:
        """Have the chunks of these keys in the table as their rows say, a batch a transaction."""
        for first in range(0, len(keys), _BATCH):
            batch = keys[first : first + _BATCH]
            with transaction.atomic():
                self.delete(batch)
                self._insert_all(self._chunks().filter(pk__in=batch))

    def fill(self) -> None:
        """Add every chunk, a batch a transaction: writers wait for a batch only."""
        last = 0
        while True:
            with transaction.atomic():
                batch = list(self._chunks().filter(pk__gt=last).order_by("pk")[:_BATCH])
                self._insert_all(batch)
            if not batch:
                return
            last = batch[-1].pk

    def replace_by_new(self) -> None:
        """Make the table anew beside the old one, which answers until the new one is complete."""
        state = get_state(self.organization_id)
        self._drop_leftovers()
        beside = FtsTable(self.organization_id, suffix=f"_{uuid.uuid4().hex[:8]}").ensure()
        beside.fill()
        with transaction.atomic():
            # Locked, so that nothing is published between this look and the change of names.
            beside.take_changes(since=state.version)
            self._drop(self.name)
            self._execute(f"ALTER TABLE {beside.name} RENAME TO {self.name}")

    def discard(self) -> None:
        """Drop the table, and what an interrupted replacement left beside it."""
        self._drop_leftovers()
        self._drop(self.name)

    def take_changes(self, *, since: int) -> None:
        """Have the documents that changed after a version as their rows say now."""
        steps = IndexChange.objects.filter(organization_id=self.organization_id, version__gt=since)
        documents = set(steps.values_list("document_id", flat=True))
        if get_state(self.organization_id).version - since != steps.count():
            self.project(self.differences().keys)  # the steps are not all there
            return
        keys = {
            row[0]
            for row in self._rows(
                f"SELECT rowid FROM {self.name} "  # noqa: S608  # nosec B608
                "WHERE document IN (SELECT value FROM json_each(%s))",
                [json.dumps([document.hex for document in documents])],
            )
        }
        keys.update(self._chunks().filter(document_id__in=documents).values_list("pk", flat=True))
        self.project(sorted(keys))

    def _of_other_title(self) -> Iterator[int]:
        """Yield the chunks whose title in the table is not the document's."""
        titles = self._rows(
            f"SELECT d.id, f.title, d.title, d.filename FROM {_CHUNKS} "  # noqa: S608  # nosec B608
            f"JOIN {self.name} f ON f.rowid = c.id GROUP BY d.id, f.title",
            [self.organization_id.hex],
        )
        for key, held, title, filename in titles:
            if held != Document(title=title, filename=filename).display_title:
                yield from (
                    row[0]
                    for row in self._rows(
                        f"SELECT c.id FROM documents_documentchunk c JOIN {self.name} f "  # noqa: S608  # nosec B608
                        "ON f.rowid = c.id WHERE c.document_id = %s AND f.title IS %s",
                        [key, held],
                    )
                )

    def _chunks(self) -> QuerySet[DocumentChunk]:
        of_organization = DocumentChunk.objects.filter(
            document__organization_id=self.organization_id
        )
        return of_organization.select_related("document")

    def _insert_all(self, chunks: Iterable[DocumentChunk]) -> None:
        for chunk in chunks:
            self.insert([chunk], chunk.document.display_title)

    def _drop_leftovers(self) -> None:
        """Drop what an interrupted replacement left."""
        # Without the shadow tables, which go with theirs.
        rows = self._rows(
            "SELECT name FROM sqlite_master WHERE name GLOB %s AND sql LIKE 'CREATE VIRTUAL%%'",
            [f"{self.name}_*"],
        )
        for row in rows:
            self._drop(row[0])

    def _exists(self) -> bool:
        return bool(self._rows("SELECT 1 FROM sqlite_master WHERE name = %s", [self.name]))

    def _drop(self, name: str) -> None:
        self._execute(f"DROP TABLE IF EXISTS {name}")

    def _execute(self, sql: str, parameters: Sequence[str | int] = ()) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)

    def _rows(self, sql: str, parameters: Sequence[str | int] = ()) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


def _require_damage(error: DatabaseError) -> None:
    """Raise the error again where it says that the database is busy, not that it is damaged."""
    if "locked" in str(error):
        raise error


def _tokens(sizes: bytes) -> int:
    """Return the sum of the variable-length integers (7 bits a byte, highest first) of a row."""
    total = value = 0
    for byte in sizes:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            total, value = total + value, 0
    return total
