"""An embedding that an organization has is not computed again, and no other organization's is."""

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from documents.models import Document
from documents.services import delete_documents, upload_document
from rag import ingestion
from rag.chunk_vectors import Wanted, chunk_text, embed, title_of
from rag.embedding.fake import FakeEmbedder
from rag.embedding.registry import get_embedder
from rag.embedding.texts import ChunkText, embedding_text, text_digest
from rag.ingestion import ingest_waiting
from rag.integrity.embedding_repair import embed as embed_missing
from rag.models import ChunkEmbedding
from rag.tests.library import publish_texts, uploaded

# The pipeline's readers are threads with connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)

LEAVE = "# Leave\n\nEmployees have thirty days of leave.\n"
TRAVEL = "# Travel\n\nBook two weeks ahead.\n"


@pytest.fixture
def fake() -> FakeEmbedder:
    embedder = get_embedder()
    assert isinstance(embedder, FakeEmbedder)
    embedder.history.clear()
    return embedder


def ingest(owner, *texts: str, filename: str = "guide.md") -> list[Document]:
    """Upload files of one name, so that equal sections are equal below their title."""
    documents = [
        upload_document(
            owner=owner, file=ContentFile(text.encode()), filename=filename, ingest=False
        )
        for text in texts
    ]
    ingest_waiting()
    assert set(Document.objects.values_list("status", flat=True)) == {"completed"}
    return documents


def wanted_of(document: Document) -> Wanted:
    return Wanted(document.organization_id, chunk_text(document, document.chunks.get()))


def sections(*names: str) -> str:
    return "# Guide\n\n" + "".join(
        f"## {name}\n\n{name} is dealt with here. " * 9 for name in names
    )


def test_only_the_sections_that_are_new_are_embedded(owner, fake):
    ingest(owner, sections("Alpha", "Beta"))
    fake.history.clear()
    ingest(owner, sections("Alpha", "Beta", "Gamma"))
    assert fake.history
    assert all("Gamma is dealt" in text for text in fake.history)


def test_equal_chunks_of_one_document_are_embedded_once(owner, fake, monkeypatch):
    monkeypatch.setattr(ingestion, "EMBED_SIZE", 2)  # so that they come in several calls
    one = upload_document(
        owner=owner,
        file=ContentFile(b"\x0c".join(b"The same words on each page." for _ in range(7))),
        filename="pages.txt",
        ingest=False,
    )
    ingest_waiting()
    one.refresh_from_db()
    assert one.chunk_count == ChunkEmbedding.objects.count()
    assert len(fake.history) == len(set(fake.history))


def test_another_organizations_vectors_are_not_used(owner, outsider, fake):
    ingest(owner, LEAVE)
    first = list(fake.history)
    ingest(outsider, LEAVE)
    assert fake.history == first * 2


def test_two_organizations_in_one_call_share_nothing(owner, outsider, fake):
    for person in (owner, outsider):
        upload_document(
            owner=person, file=ContentFile(LEAVE.encode()), filename="guide.md", ingest=False
        )
    ingest_waiting()
    assert len(fake.history) == 2 * len(set(fake.history))


def test_what_was_deleted_is_computed_again(owner, admin, fake):
    ingest(owner, LEAVE)
    delete_documents(documents=Document.objects.all(), actor=admin)
    fake.history.clear()
    ingest(owner, LEAVE)
    assert fake.history


def test_a_document_that_is_read_again_takes_its_own_vectors_over(owner, fake):
    [document] = ingest(owner, LEAVE)
    before = set(ChunkEmbedding.objects.values_list("vector", flat=True))
    fake.history.clear()
    Document.objects.filter(pk=document.pk).update(status="uploaded")
    ingest_waiting()
    assert fake.history == []
    assert set(ChunkEmbedding.objects.values_list("vector", flat=True)) == before


def test_another_model_computes_its_own(owner, fake):
    [document] = ingest(owner, LEAVE)
    chunk = document.chunks.get()
    wide = get_embedder("fake-wide")
    wanted = Wanted(
        owner.organization_id, ChunkText(document.display_title, chunk.heading, chunk.text)
    )
    assert embed([wanted], "fake-wide").vectors.shape == (1, wide.dimension)
    assert len(wide.history) >= 1


@pytest.mark.parametrize(
    "spoilt", [b"", b"\0" * 4 * 64, np.full(64, np.nan, "<f4").tobytes(), b"\1" * 12]
)
def test_a_spoilt_vector_is_not_taken_over(owner, fake, spoilt):
    ingest(owner, LEAVE)
    ChunkEmbedding.objects.update(vector=spoilt)
    fake.history.clear()
    ingest(owner, LEAVE + " ", filename="guide.md")
    assert fake.history


def test_a_repair_takes_over_what_other_documents_have(owner, organization, fake):
    first, second = ingest(owner, LEAVE, LEAVE + "\n")
    ChunkEmbedding.objects.filter(document=second).delete()
    fake.history.clear()
    embed_missing(organization)
    assert fake.history == []
    assert second.chunks.count() == ChunkEmbedding.objects.filter(document=second).count()
    assert first.chunks.get().embeddings.get().vector == second.chunks.get().embeddings.get().vector


def test_rows_of_earlier_versions_have_no_digest_and_are_left_alone(owner, fake):
    publish_texts(uploaded(owner), "Thirty days.")
    ChunkEmbedding.objects.update(text_digest=None)
    wanted = Wanted(owner.organization_id, ChunkText("", "", "Thirty days."))
    fake.history.clear()
    embed([wanted], "fake")
    assert fake.history == ["Thirty days."]


@pytest.mark.parametrize(
    ("title", "filename", "expected"),
    [
        ("Leave", "scan 1.pdf", "Leave"),
        ("", "scan_0012.pdf", ""),
        ("", "4983.txt", ""),
        ("", "index.md", ""),
        ("", "travel_expense-policy.pdf", "travel expense policy"),
        ("", "差旅费报销制度.pdf", "差旅费报销制度"),
    ],
)
def test_a_file_name_is_embedded_only_where_it_tells_something(title, filename, expected):
    assert title_of(Document(title=title, filename=filename)) == expected


def test_what_is_embedded_stands_below_title_and_headings_each_once(owner, fake):
    text = "# Travel\n\n## Hotels\n\nBook early. " + "The limit is 90 euros a night. " * 30
    ingest(owner, text)
    chunk = Document.objects.get().chunks.last()
    assert chunk.text.startswith("The limit")
    assert f"Travel > Hotels\n{chunk.text}" in fake.history


def test_a_text_that_ten_thousand_chunks_have_is_read_once(owner, fake, django_assert_num_queries):
    ingest(owner, *(LEAVE + "\n" * n for n in range(30)))
    wanted = wanted_of(Document.objects.first())
    with django_assert_num_queries(2) as queries:
        embed([wanted] * 5, "fake")
    plan = connection.cursor()
    plan.execute(f"EXPLAIN QUERY PLAN {queries.captured_queries[0]['sql']}")
    steps = " ".join(row[3] for row in plan.fetchall())
    assert "COVERING INDEX embedding_of_text" in steps


TEXTS = st.lists(st.sampled_from(["one", "two", "three", "four"]), min_size=1, max_size=6)


@given(known=TEXTS, wanted=TEXTS, mine=st.booleans())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_exactly_what_the_organization_lacks_is_computed_once(
    owner, outsider, fake, known, wanted, mine
):
    ChunkEmbedding.objects.all().delete()
    holder = owner if mine else outsider
    document = uploaded(holder)
    publish_texts(document, *known)
    fake.history.clear()
    found = embed(
        [Wanted(owner.organization_id, ChunkText("", "", text)) for text in wanted], "fake"
    )
    lacking = set(wanted) - (set(known) if mine else set())
    assert sorted(fake.history) == sorted(lacking)
    expected = FakeEmbedder().embed_passages(wanted)
    np.testing.assert_allclose(found.vectors, expected, atol=1e-6)
    assert found.digests == [
        text_digest(embedding_text(fake, ChunkText("", "", text))) for text in wanted
    ]
