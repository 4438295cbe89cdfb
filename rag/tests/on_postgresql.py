"""What is PostgreSQL's alone; `knowledge/tests/test_postgresql.py` runs it there."""

import pytest
from django.core.files.base import ContentFile
from django.db import DatabaseError, connection

from accounts import audit
from accounts.models import AuditChain, AuditCheckpoint, AuditEvent
from documents.models import Document
from documents.services import delete_documents, upload_document
from rag.index.postgres_table import WordsTable
from rag.index.registry import get_lexical_index
from rag.ingestion import ingest_waiting
from rag.retrieval import retrieve
from rag.services.turns import answer_question
from rag.tests.library import published
from rag.tests.test_lexical_index import search


@pytest.mark.django_db
def test_what_the_table_has_otherwise_than_the_rows_is_found_and_mended(owner):
    for text in ("alpha", "beta", "gamma", "delta"):
        published(owner, text)
    table, index = WordsTable(owner.organization_id), get_lexical_index()
    with connection.cursor() as cursor:
        for change in (
            "DELETE FROM {} WHERE text = 'alpha'",
            "UPDATE {} SET title = 'other' WHERE text = 'beta'",
            "UPDATE {} SET words = '' WHERE text = 'gamma'",
            "UPDATE {} SET chunk = chunk + 1000 WHERE text = 'delta'",
        ):
            cursor.execute(change.format(table.name))
    health = index.health(owner.organization_id)
    assert (health.missing, health.extra, health.altered) == (2, 1, 1)
    assert not index.is_sound(owner.organization_id)
    index.repair(owner.organization_id)
    assert index.health(owner.organization_id).faults == 0
    assert index.is_sound(owner.organization_id)
    for text in ("alpha", "beta", "gamma", "delta"):
        assert search(owner.organization, text) == [text]


@pytest.mark.django_db(transaction=True)
def test_an_upload_is_read_in_and_answers_whoever_may_read_it(owner, admin, colleague, outsider):
    upload_document(
        owner=owner,
        file=ContentFile(b"Every employee has 30 days of paid leave a year."),
        filename="leave.txt",
        visibility="organization",
        ingest=False,
    )
    ingest_waiting()
    for user, grounded in ((owner, True), (colleague, True), (outsider, False)):
        answer, failure = answer_question(user=user, query="How many days of leave are there?")
        assert failure is None
        assert answer.grounded is grounded
        assert ("30 days" in answer.content) is grounded
    [document] = Document.objects.all()
    delete_documents(documents=Document.objects.all(), actor=admin)
    assert not retrieve(user=owner, query="paid leave", top_k=5).passages
    assert not WordsTable(document.organization_id).count()


@pytest.mark.django_db
@pytest.mark.parametrize("model", [AuditEvent, AuditChain, AuditCheckpoint])
def test_no_table_of_the_trail_can_be_emptied(owner, model):
    audit.record(action="document.viewed", actor=owner)
    with pytest.raises(DatabaseError, match="only added to"), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {model._meta.db_table} CASCADE")
