import sys

import pytest
from django.db import connection

from documents.models import Document
from documents.services import delete_documents
from rag.index import sqlite_fts_words
from rag.index.registry import get_lexical_index
from rag.index.scope import Scope
from rag.index.sqlite_fts_table import FtsTable
from rag.index.versions import get_state
from rag.models import ChunkEmbedding
from rag.tests.library import publish_texts, published

of_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite's own table")


def search(organization, query: str, *, k: int = 10, within=None) -> list[str]:
    documents = Document.objects.all() if within is None else within
    hits = get_lexical_index().search(
        query, k=k, state=get_state(organization.pk), within=Scope(documents)
    )
    texts = dict(ChunkEmbedding.objects.values_list("chunk_id", "chunk__text"))
    return [texts[hit.chunk_id] for hit in hits]


def scores(organization, query: str) -> list[float]:
    hits = get_lexical_index().search(
        query, k=10, state=get_state(organization.pk), within=Scope(Document.objects.all())
    )
    return [hit.score for hit in hits]


def test_a_rare_word_weighs_more_than_a_common_one(owner):
    for number in range(5):
        published(owner, f"travel note {number}")
    published(owner, "per diem")
    assert search(owner.organization, "travel diem")[0] == "per diem"


def test_words_match_by_stem_case_and_accent(owner):
    published(owner, "Reimbursements for the café")
    assert search(owner.organization, "reimbursement CAFE")


@pytest.mark.parametrize(
    "query", ['"', "AND OR NOT", "NEAR(a b)", "title:x", "a* -b ^c", "'; DROP TABLE x", "(", "\\"]
)
def test_a_question_is_never_query_syntax(owner, query):
    published(owner, "plain text")
    search(owner.organization, query)


def test_a_question_of_stop_words_still_finds_them(owner):
    published(owner, "to be or not to be")
    assert search(owner.organization, "to be or not to be") == ["to be or not to be"]


def test_a_removed_or_replaced_document_is_not_found(owner, admin):
    kept = published(owner, "alpha")
    gone = published(owner, "alpha beta")
    delete_documents(documents=Document.objects.filter(pk=gone.pk), actor=admin)
    publish_texts(kept, "alpha gamma")
    assert search(owner.organization, "alpha") == ["alpha gamma"]
    health = get_lexical_index().health(owner.organization_id)
    assert (health.missing, health.extra) == (0, 0)


@pytest.mark.parametrize("few", [0, 50])
def test_the_scope_limits_the_search_however_many_better_matches_lie_outside(
    owner, few, monkeypatch
):
    monkeypatch.setattr(sqlite_fts_words, "FEW_DOCUMENTS", few)
    for number in range(20):
        published(owner, f"expense expense {number}")
    wanted = published(owner, "one expense in a much longer text than all of the others have")
    scope = Document.objects.filter(pk=wanted.pk)
    found = search(owner.organization, "expense", k=2, within=scope)
    assert found == [wanted.chunks.get().text]


def test_another_organization_moves_neither_results_nor_scores(owner, outsider):
    published(owner, "alpha travel")
    published(owner, "beta budget")
    before = scores(owner.organization, "alpha budget travel")
    for _ in range(10):
        published(outsider, "alpha alpha budget")
    assert scores(owner.organization, "alpha budget travel") == before
    assert search(owner.organization, "alpha") == ["alpha travel"]


def test_common_words_are_dropped_when_rarer_ones_are_there(owner, monkeypatch):
    monkeypatch.setattr(sys.modules[type(get_lexical_index()).__module__], "ROW_BUDGET", 4)
    for number in range(10):
        published(owner, f"common words {number}")
    published(owner, "common needle")
    assert search(owner.organization, "common needle") == ["common needle"]


def test_only_common_words_are_looked_up_together(owner, monkeypatch):
    monkeypatch.setattr(sys.modules[type(get_lexical_index()).__module__], "ROW_BUDGET", 2)
    for number in range(4):
        published(owner, f"red {number}")
        published(owner, f"blue {number}")
    published(owner, "red blue")
    assert search(owner.organization, "red blue") == ["red blue"]


def test_a_rebuild_gives_the_same_index(owner):
    published(owner, "alpha", "beta", filename="one.txt")
    published(owner, "alpha gamma", filename="two.txt")
    before = scores(owner.organization, "alpha two")
    get_lexical_index().rebuild(owner.organization_id)
    assert scores(owner.organization, "alpha two") == before


@of_sqlite
def test_what_is_published_and_deleted_during_a_rebuild_is_as_it_should_be(
    owner, admin, monkeypatch
):
    published(owner, "alpha")
    gone = published(owner, "beta")
    fill = FtsTable.fill

    def fill_while_others_write(table: FtsTable) -> None:
        fill(table)
        published(owner, "gamma")
        delete_documents(documents=Document.objects.filter(pk=gone.pk), actor=admin)
        assert search(owner.organization, "alpha") == ["alpha"]  # by the old words

    monkeypatch.setattr(FtsTable, "fill", fill_while_others_write)
    get_lexical_index().rebuild(owner.organization_id)
    table = FtsTable(owner.organization_id)
    assert table.differences().keys == []
    assert table.is_sound()
    assert [search(owner.organization, word) for word in ("alpha", "beta", "gamma")] == [
        ["alpha"],
        [],
        ["gamma"],
    ]


def word_tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%%'")
        return {name for (name,) in cursor.fetchall()}


@of_sqlite
def test_an_interrupted_rebuild_leaves_the_old_words_and_the_next_one_tidies_up(owner, monkeypatch):
    before = word_tables()
    published(owner, "alpha")
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(FtsTable, "fill", lambda table: 1 / 0)
        get_lexical_index().rebuild(owner.organization_id)
    assert search(owner.organization, "alpha") == ["alpha"]
    get_lexical_index().rebuild(owner.organization_id)
    assert word_tables() - before == {FtsTable(owner.organization_id).name}


def test_a_phrase_is_found_where_its_words_stand_together(owner):
    published(owner, "annual leave is long")
    published(owner, "leave the annual report")
    state = get_state(owner.organization_id)
    asked = {"k": 9, "state": state, "within": Scope(Document.objects.all())}
    [hit] = get_lexical_index().search("annual leave", phrases=["annual leave"], **asked)
    kept = ChunkEmbedding.objects.get(chunk_id=hit.chunk_id)
    assert kept.chunk.text == "annual leave is long"
