"""References between rows that lead nowhere: what a database that enforces them never has.

SQLite enforces them for each connection that asks for it; another program that opens the file need
not. PostgreSQL always does, so there nothing is looked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction

from rag.models import ChunkEmbedding

_EMBEDDINGS = ChunkEmbedding._meta.db_table
# Rows that are made from others and can go with them. Anything else is left to a person.
_DERIVED = ("documents_page", "documents_documentchunk", "documents_document_teams", _EMBEDDINGS)


@dataclass(frozen=True)
class BrokenReference:
    """A row of a table whose column refers to nothing."""

    table: str
    rowid: int
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of row {self.rowid}"


def broken_references() -> list[BrokenReference]:
    """Return all of them but the embeddings', which each organization's check finds."""
    return [broken for broken in _all() if broken.table != _EMBEDDINGS]


@transaction.atomic
def mend_references() -> int:
    """Do what the deletion of the missing row would have done; return how many that were."""
    mended = 0
    # What refers to a row that goes here comes to light in the next round.
    while mendable := [broken for broken in _all() if _can_be_mended(broken)]:
        for broken in mendable:
            _mend(broken)
        mended += len(mendable)
    return mended


def _all() -> list[BrokenReference]:
    if connection.vendor != "sqlite":
        return []
    columns: dict[tuple[str, int], str] = {}
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_key_check")
        rows: Sequence[tuple[str, int, str, int]] = cursor.fetchall()
        for table in {row[0] for row in rows}:
            cursor.execute(f"PRAGMA foreign_key_list({connection.ops.quote_name(table)})")
            columns.update({(table, row[0]): row[3] for row in cursor.fetchall()})
    return [BrokenReference(row[0], row[1], columns[row[0], row[3]]) for row in rows]


def _can_be_mended(broken: BrokenReference) -> bool:
    return broken.table in _DERIVED or _may_be_empty(broken)


def _mend(broken: BrokenReference) -> None:
    table = connection.ops.quote_name(broken.table)
    column = connection.ops.quote_name(broken.column)
    if broken.table in _DERIVED:
        sql = f"DELETE FROM {table} WHERE rowid = %s"  # noqa: S608  # nosec B608
    else:
        sql = f"UPDATE {table} SET {column} = NULL WHERE rowid = %s"  # noqa: S608  # nosec B608
    with connection.cursor() as cursor:
        cursor.execute(sql, [broken.rowid])


def _may_be_empty(broken: BrokenReference) -> bool:
    """Tell whether the column becomes empty when the row that it refers to is deleted."""
    return any(
        getattr(field.remote_field, "on_delete", None) is models.SET_NULL
        for field in _fields(broken.table)
        if field.column == broken.column
    )


def _fields(table: str) -> Iterator[Any]:
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table == table:
            yield from model._meta.concrete_fields
