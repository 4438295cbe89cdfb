"""Words are found in every script, through the real pipeline, with or without spaces between."""

import importlib
import unicodedata
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.db import connection

from documents.models import Document, DocumentChunk
from documents.services import upload_document
from rag.index.grams import grams
from rag.index.registry import get_lexical_index
from rag.index.scope import Scope
from rag.index.sqlite_fts_table import FtsTable
from rag.index.versions import get_state
from rag.ingestion import ingest_waiting
from rag.tests.library import published

TEXTS = {
    "zh": "员工每年有三十天带薪年假。笔记本电脑每四年更换一次。",
    "ja": "従業員は年間三十日の有給休暇を取得できます。",
    "ko": "직원은 매년 삼십 일의 유급휴가를 사용할 수 있습니다.",
    "th": "พนักงานมีวันลาพักร้อนสามสิบวันต่อปี",
    "ar": "يحصل الموظفون على ثلاثين يوما من الإجازة السنوية.",
    "he": "לעובדים יש שלושים ימי חופשה בשנה.",
    "ru": "Сотрудники имеют тридцать дней оплачиваемого отпуска.",
    "el": "Οι εργαζόμενοι έχουν τριάντα ημέρες άδειας.",
    "hi": "कर्मचारियों को साल में तीस दिन की छुट्टी मिलती है।",
    "fr": unicodedata.normalize("NFD", "Les salariés ont trente jours de congés payés."),
}


def found(organization, query: str, **options) -> set[str]:
    hits = get_lexical_index().search(
        query,
        k=20,
        state=get_state(organization.pk),
        within=Scope(Document.objects.all()),
        **options,
    )
    rows = DocumentChunk.objects.filter(pk__in=[hit.chunk_id for hit in hits])
    return set(rows.values_list("document__filename", flat=True))


@pytest.mark.django_db(transaction=True)
def test_each_language_is_found_by_its_own_words_and_by_no_others(owner, organization):
    for language, text in TEXTS.items():
        upload_document(
            owner=owner, file=ContentFile(text.encode()), filename=f"{language}.txt", ingest=False
        )
    ingest_waiting()
    for query, language in [
        ("年假有几天", "zh"),
        ("笔记本电脑", "zh"),
        ("有給休暇", "ja"),
        ("유급휴가", "ko"),
        ("วันลาพักร้อน", "th"),
        ("الإجازة السنوية", "ar"),
        ("חופשה", "he"),
        ("ОТПУСКА", "ru"),
        ("άδειας", "el"),
        ("छुट्टी", "hi"),
        ("congés", "fr"),
        (unicodedata.normalize("NFD", "salariés"), "fr"),
    ]:
        assert found(organization, query) == {f"{language}.txt"}, query
    for page in DocumentChunk.objects.values_list("text", flat=True):
        assert page == unicodedata.normalize("NFC", page)


@pytest.mark.django_db
def test_a_phrase_without_spaces_has_to_stand_as_it_is(owner, organization):
    published(owner, "带薪年假是三十天", filename="a.txt")
    published(owner, "年假不带薪", filename="b.txt")
    assert found(organization, "带薪年假", phrases=["带薪年假"]) == {"a.txt"}


@pytest.mark.django_db
def test_titles_are_found_too(owner, organization):
    published(owner, "Thirty days.", filename="年假制度.txt")
    assert found(organization, "年假") == {"年假制度.txt"}


def test_pairs_of_characters_leave_words_with_spaces_alone():
    assert grams("iPhone手机壳 and café") == ["手机", "机壳"]
    assert grams("好") == ["好"]
    assert grams("a plain text") == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite's own table")
@pytest.mark.django_db
def test_a_table_of_an_earlier_version_gets_its_pairs(owner, organization):
    published(owner, TEXTS["zh"], filename="zh.txt")
    name = FtsTable(organization.pk).name
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE VIRTUAL TABLE earlier USING fts5(document UNINDEXED, title, heading, text, "
            "tokenize='porter unicode61 remove_diacritics 2')"
        )
        cursor.execute(
            "INSERT INTO earlier (rowid, document, title, heading, text) "
            f"SELECT rowid, document, title, heading, text FROM {name}"
        )
        cursor.execute(f"DROP TABLE {name}")
        cursor.execute(f"ALTER TABLE earlier RENAME TO {name}")
    migration = importlib.import_module("rag.migrations.0017_grams")
    for _ in range(2):  # once more changes nothing
        migration.add_grams(apps, SimpleNamespace(connection=connection))
    assert found(organization, "年假") == {"zh.txt"}
    health = get_lexical_index().health(organization.pk)
    assert (health.missing, health.extra, health.altered, health.damaged) == (0, 0, 0, False)
