from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from rest_framework.test import APIClient

from documents.models import DocumentChunk
from rag.index.sqlite_fts_table import FtsTable
from rag.models import ChunkEmbedding
from rag.services.index import index_health, rebuild_index
from rag.tests.library import published


def api(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_a_sound_index_is_called_consistent(owner, admin):
    published(owner, "alpha", "beta")
    body = api(admin).get("/api/index/health").json()
    assert body["consistent"] is True
    assert (body["documents"], body["chunks"], body["unembedded"]) == (1, 2, 0)
    assert (body["vector"]["present"], body["vector"]["missing"]) == (2, 0)
    assert (body["lexical"]["present"], body["lexical"]["missing"]) == (2, 0)


def test_health_counts_only_the_own_organization(owner, admin, outsider):
    published(owner, "alpha")
    published(outsider, "beta", "gamma")
    assert api(admin).get("/api/index/health").json()["chunks"] == 1


def test_a_lost_embedding_and_lost_words_are_noticed(owner, organization):
    published(owner, "alpha", "beta")
    ChunkEmbedding.objects.filter(chunk__text="alpha").delete()
    table = FtsTable(organization.pk).name
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")
    health = index_health(organization_id=organization.pk)
    assert not health.consistent
    assert health.unembedded == 1
    assert health.lexical.missing == 2


def test_a_rebuild_brings_back_the_words(owner, organization):
    published(owner, "alpha", "beta")
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {FtsTable(organization.pk).name}")
    rebuild_index(str(organization.pk))
    assert index_health(organization_id=organization.pk).consistent


def test_words_of_a_chunk_without_a_row_are_noticed(owner, organization):
    published(owner, "alpha")
    DocumentChunk.objects.all().delete()  # past the service that removes the words
    health = index_health(organization_id=organization.pk)
    assert health.lexical.extra == 1
    assert not health.consistent


@pytest.mark.parametrize(("method", "path"), [("get", "health"), ("post", "rebuild")])
def test_only_admins_may_look_and_rebuild(owner, method, path):
    assert getattr(APIClient(), method)(f"/api/index/{path}").status_code == 401
    assert getattr(api(owner), method)(f"/api/index/{path}").status_code == 403


def test_a_rebuild_is_queued_and_recorded(admin):
    assert api(admin).post("/api/index/rebuild").status_code == 202
    assert admin.audit_events.get().action == "index.rebuild_requested"


def test_the_command_rebuilds_and_reports(owner):
    published(owner, "alpha", "beta")
    output = StringIO()
    call_command("rebuild_index", stdout=output)
    assert "Acme: 2 vectors, 2 chunks by words" in output.getvalue()
