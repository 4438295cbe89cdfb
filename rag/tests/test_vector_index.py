import uuid

import numpy as np
import pytest

from documents.models import Document
from documents.services import delete_documents
from rag.embedding.registry import get_embedder
from rag.index import faiss_documents
from rag.index.faiss_index import FaissIndex
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.models import ChunkEmbedding, IndexChange
from rag.tests.library import publish_texts, published, uploaded


def embed(text: str) -> np.ndarray:
    return get_embedder().embed_query(text)


def search(index: FaissIndex, organization, text: str, *, k: int = 10, within=None) -> list[str]:
    documents = Document.objects.all() if within is None else within
    hits = index.search(embed(text), k=k, state=get_state(organization.pk), within=Scope(documents))
    texts = dict(ChunkEmbedding.objects.values_list("chunk_id", "chunk__text"))
    return [texts[hit.chunk_id] for hit in hits]


def test_the_nearest_chunk_comes_first(owner):
    published(owner, "annual leave is thirty days", "laptops are replaced every four years")
    assert search(FaissIndex(), owner.organization, "how old may laptops be")[0].startswith(
        "laptops"
    )


def test_an_empty_scope_finds_nothing(owner):
    published(owner, "annual leave")
    assert search(FaissIndex(), owner.organization, "leave", within=Document.objects.none()) == []


def test_only_documents_of_the_scope_are_found_however_near_the_others_are(owner):
    for _ in range(30):
        published(owner, "the exact words of the question")
    wanted = published(owner, "something else entirely")
    found = search(
        FaissIndex(),
        owner.organization,
        "the exact words of the question",
        k=5,
        within=Document.objects.filter(pk=wanted.pk),
    )
    assert found == ["something else entirely"]


def test_a_scope_never_reaches_into_another_organization(owner, outsider):
    published(outsider, "their secret")
    published(owner, "our note")
    everything = Document.objects.all()  # a scope that a mistake made too wide
    assert search(FaissIndex(), owner.organization, "secret", within=everything) == ["our note"]


def test_another_process_sees_a_publish_and_a_delete_at_its_next_search(owner, admin):
    here, there = FaissIndex(), FaissIndex()
    first = published(owner, "alpha")
    assert search(there, owner.organization, "alpha") == ["alpha"]
    published(owner, "beta")
    assert set(search(there, owner.organization, "alpha")) == {"alpha", "beta"}
    delete_documents(documents=Document.objects.filter(pk=first.pk), actor=admin)
    assert search(here, owner.organization, "alpha") == ["beta"]
    assert search(there, owner.organization, "alpha") == ["beta"]
    assert there.health(owner.organization_id).extra == 0


def test_publishing_a_document_again_replaces_its_chunks(owner):
    index = FaissIndex()
    document = published(owner, "old text")
    search(index, owner.organization, "text")
    publish_texts(document, "new text", "more text")
    assert set(search(index, owner.organization, "text")) == {"new text", "more text"}


def test_a_process_that_lags_further_than_the_kept_steps_loads_anew(owner):
    index = FaissIndex()
    published(owner, "alpha")
    search(index, owner.organization, "alpha")
    published(owner, "beta")
    published(owner, "gamma")
    IndexChange.objects.filter(version=2).delete()
    assert set(search(index, owner.organization, "x")) == {"alpha", "beta", "gamma"}


def test_many_replaced_documents_do_not_pile_up_in_memory(owner, monkeypatch):
    monkeypatch.setattr("rag.index.faiss_parts.TAIL_ROWS", 4)
    monkeypatch.setattr("rag.index.faiss_index.TAIL_ROWS", 4)
    index = FaissIndex()
    published(owner, "kept for ever")
    churned = uploaded(owner)
    for turn in range(40):
        publish_texts(churned, f"turn {turn}")
        assert set(search(index, owner.organization, "turn")) == {"kept for ever", f"turn {turn}"}
        index.settle()
    [copy] = index._copies.values()
    assert copy.private_rows <= 3 * 4


def test_a_document_whose_rows_do_not_lie_together_is_found_whole(owner):
    """Vectors that were made later than others of their document come behind other documents'."""
    first = published(owner, "alpha", "beta")
    published(owner, "gamma")
    [row] = ChunkEmbedding.objects.filter(chunk__text="alpha")
    row.delete()
    row.pk = None
    row.save()
    within = Document.objects.filter(pk=first.pk)
    found = search(FaissIndex(), owner.organization, "alpha", within=within)
    assert found == ["alpha", "beta"]


@pytest.mark.parametrize(
    "vector", [b"", b"short", np.full(64, np.nan, "<f4").tobytes(), bytes(256)]
)
def test_a_vector_that_is_none_is_left_out_and_the_others_are_found(owner, vector):
    published(owner, "alpha", "beta")
    ChunkEmbedding.objects.filter(chunk__text="alpha").update(vector=vector)
    assert search(FaissIndex(), owner.organization, "alpha") == ["beta"]


def test_documents_whose_ids_hash_alike_are_told_apart(owner, monkeypatch):
    monkeypatch.setattr(faiss_documents, "_hashes", lambda keys: keys[:, 0])
    wanted, other = (
        Document.objects.create(
            pk=uuid.UUID(int=number),
            organization=owner.organization,
            uploaded_by=owner,
            filename="note.txt",
            file=f"{number}.txt",
            size=1,
        )
        for number in (1, 2)
    )
    publish_texts(wanted, "mine")
    publish_texts(other, "theirs")
    for document, text in ((wanted, "mine"), (other, "theirs")):
        within = Document.objects.filter(pk=document.pk)
        assert search(FaissIndex(), owner.organization, "x", within=within) == [text]
