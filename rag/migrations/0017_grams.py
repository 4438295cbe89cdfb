"""Adds the column of character pairs to the tables of words, which are made anew for it."""

from itertools import islice

from django.db import migrations

from rag.index.grams import grams

_BATCH = 1_000
_OLD, _NEW = "document, title, heading, text", "document, title, heading, text, grams"


def add_grams(apps, schema_editor):
    if schema_editor.connection.vendor != "sqlite":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE name GLOB 'rag_lexical_*' "
            "AND sql LIKE 'CREATE VIRTUAL%' AND sql NOT LIKE '%grams%'"
        )
        for (name,) in cursor.fetchall():
            _make_anew(schema_editor.connection, name)


def _make_anew(connection, name):
    with connection.cursor() as reading, connection.cursor() as writing:
        writing.execute(
            f"CREATE VIRTUAL TABLE {name}_grams USING fts5(document UNINDEXED, title, heading, "
            "text, grams, tokenize='porter unicode61 remove_diacritics 2')"
        )
        last = -1
        while True:
            reading.execute(
                f"SELECT rowid, {_OLD} FROM {name} WHERE rowid > %s ORDER BY rowid LIMIT %s",
                [last, _BATCH],
            )
            rows = list(islice(reading.fetchall(), _BATCH))
            if not rows:
                break
            last = rows[-1][0]
            writing.executemany(
                f"INSERT INTO {name}_grams (rowid, {_NEW}) VALUES (%s, %s, %s, %s, %s, %s)",
                [(*row, " ".join(grams("\n".join(row[2:])))) for row in rows],
            )
        writing.execute(f"DROP TABLE {name}")
        writing.execute(f"ALTER TABLE {name}_grams RENAME TO {name}")


class Migration(migrations.Migration):

    dependencies = [("rag", "0016_evaluation_runs")]

    operations = [migrations.RunPython(add_grams, migrations.RunPython.noop)]
