"""Words in PostgreSQL: one table an organization, so that no tenant moves another's ranking."""

import re
import uuid
from collections.abc import Sequence

from documents.models import DocumentChunk
from rag.index import word_counts
from rag.index.base import Hit, IndexHealth, LexicalIndex
from rag.index.postgres_table import WordsTable, as_query
from rag.index.query_words import (
    misspelt_words_of,
    phrase_of,
    plain_words_of,
    words_of,
    worth_looking_up,
)
from rag.index.scope import Scope
from rag.index.versions import lock_state
from rag.index.word_counts import MOST_COUNTED, SCOPE_COUNT, Frequencies
from rag.models import OrganizationIndex

# Rows that a query may rank; as with SQLite, words are added from the rarest on.
ROW_BUDGET = MOST_COUNTED
_LETTERS = re.compile(r"[^\W\d_]+")


class PostgresTextIndex(LexicalIndex):
    """`tsvector` with Porter stems below a GIN index, in the transaction of the rows."""

    def __init__(self) -> None:
        self._frequencies = Frequencies(rows_with=_rows_with, size_of=_size_of)

    def add(self, organization_id: uuid.UUID, chunks: Sequence[DocumentChunk], title: str) -> None:
        # Before any row of the table, as whoever mends it does: nobody waits for one another.
        lock_state(organization_id)
        WordsTable(organization_id).ensure().insert(chunks, title)

    def remove(self, organization_id: uuid.UUID, document_ids: Sequence[uuid.UUID]) -> None:
        table = WordsTable(organization_id)
        if table.exists():
            lock_state(organization_id)
            chunks = DocumentChunk.objects.filter(document_id__in=document_ids)
            table.delete(chunks.values_list("pk", flat=True))

    def discard(self, organization_id: uuid.UUID) -> None:
        WordsTable(organization_id).discard()

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
        required = [as_query(phrase_of(phrase)) for phrase in phrases]
        words = list(filter(None, map(as_query, words_of(query))))
        table = WordsTable(state.pk)
        if not words or not all(required) or not table.exists():
            return []
        others = list(filter(None, (as_query(phrase_of(other)) for other in also)))
        counts = self._frequencies.get(state.pk.hex, state.token, [*words, *others])
        chosen, joint = worth_looking_up(counts, words=words, most=ROW_BUDGET)
        if required:
            chosen, joint = required, True
        if not chosen:
            return []
        match = (" & " if joint else " | ").join(f"({one})" for one in chosen)
        weights = self._frequencies.rarity(state.pk.hex, state.token, chosen)
        found = table.best(match, [(one, weights[one]) for one in chosen], k=k, within=within)
        return [Hit(key, score) for key, score in found]

    def rarity(self, query: str, *, state: OrganizationIndex) -> dict[str, float]:
        terms = {word: as_query(word) for word in words_of(query)}
        if not WordsTable(state.pk).exists():
            return {}
        asked = [term for term in terms.values() if term]
        weights = self._frequencies.rarity(state.pk.hex, state.token, asked)
        return {word: weights[term] for word, term in terms.items() if term}

    def unknown(self, query: str, *, state: OrganizationIndex, within: Scope) -> list[str]:
        return self._unknown(plain_words_of(query), state, within)

    def corrections(self, query: str, *, state: OrganizationIndex, within: Scope) -> dict[str, str]:
        table = WordsTable(state.pk)

        def written(word: str) -> int:
            texts = table.texts_with(as_query(word), most=SCOPE_COUNT, within=within)
            return sum(word in _LETTERS.findall(text.lower()) for text in texts)

        return word_counts.corrections(
            self._unknown(misspelt_words_of(query), state, within),
            existing=table.existing,
            written=written,
        )

    def rebuild(self, organization_id: uuid.UUID) -> None:
        """Write every chunk anew, a batch a transaction: searches find old words or new ones."""
        table = WordsTable(organization_id).ensure()
        chunks = DocumentChunk.objects.filter(document__organization_id=organization_id)
        table.project(list(chunks.order_by("pk").values_list("pk", flat=True)))
        table.project(table.differences().keys)

    def health(self, organization_id: uuid.UUID) -> IndexHealth:
        table = WordsTable(organization_id).ensure()
        chunks = DocumentChunk.objects.filter(document__organization_id=organization_id)
        found, expected = table.differences(), chunks.count()
        return IndexHealth(
            backend="postgresql",
            index_type="tsvector, GIN",
            in_memory_version=None,
            entries=table.count(),
            expected=expected,
            present=expected - len(found.missing),
            missing=len(found.missing),
            extra=len(found.extra),
            altered=len(found.altered),
            examples=found.examples,
        )

    def is_sound(self, organization_id: uuid.UUID) -> bool:
        """Cut every text into words again, and compare them with those that are kept."""
        return next(WordsTable(organization_id).ensure().misread(), None) is None

    def repair(self, organization_id: uuid.UUID) -> None:
        table = WordsTable(organization_id).ensure()
        table.project(sorted({*table.differences().keys, *table.misread()}))

    def _unknown(self, words: Sequence[str], state: OrganizationIndex, within: Scope) -> list[str]:
        table = WordsTable(state.pk)
        terms = {word: term for word in words if (term := as_query(word))}
        if not terms or not within or not table.exists():
            return []
        counts = self._frequencies.get(state.pk.hex, state.token, list(terms.values()))
        return word_counts.unknown(
            terms,
            {word: counts[term] for word, term in terms.items()},
            lambda word: bool(table.rows_with(terms[word], most=1, within=within)),
        )


def _rows_with(organization: str, query: str) -> int:
    return WordsTable(uuid.UUID(organization)).rows_with(query, most=MOST_COUNTED + 1)


def _size_of(organization: str) -> int:
    return WordsTable(uuid.UUID(organization)).count()
