"""Nothing of a document is cut silently by a model that reads only so much."""

import base64
import random

import numpy as np
import pytest
from django.core.files.base import ContentFile
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.chunking import chunk_pages
from documents.extraction.base import ExtractedPage, Heading
from documents.models import Document, DocumentChunk
from documents.services import upload_document
from rag.chunk_vectors import Wanted, embed, fullness
from rag.embedding.fake import FakeEmbedder
from rag.embedding.registry import get_embedder
from rag.embedding.texts import ChunkText, embedding_text
from rag.ingestion import ingest_waiting

REAL = ("all-MiniLM-L6-v2", "multilingual-e5-small")
DENSE = {
    "chinese": "员工每年有三十天带薪年假，应提前两周向经理申请。" * 60,
    "japanese": "従業員は年間三十日の有給休暇を取得できます。" * 60,
    "korean": "직원은 매년 삼십 일의 유급 휴가를 사용할 수 있습니다. " * 60,
    "thai": "พนักงานมีวันลาพักร้อนสามสิบวันต่อปี " * 60,
    "hindi": "कर्मचारियों को साल में तीस दिन की छुट्टी मिलती है। " * 60,
    "table": "| 1.234,56 | -7.89 % | 0x1F |\n" * 60,
    "numbers": " ".join(str(random.Random(1).getrandbits(200)) for _ in range(40)),
    "base64": base64.b64encode(random.Random(1).randbytes(3000)).decode(),
    "addresses": "https://example.org/a?b=c&d=%20e#f-g_h/i.j " * 60,
    "symbols": "⟨∀x∈ℝ:⌈x⌉≥x⟩" * 150,
    "emoji": "👩‍🚀🏳️‍🌈" * 200,
    "ligatures": "\ufdfa" * 800,
}


@pytest.mark.model
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("kind", DENSE)
@pytest.mark.parametrize("heading", ["", "직원 휴가 규정 및 절차에 대한 안내서 " * 12])
def test_no_text_is_longer_than_the_model_reads(name, kind, heading):
    text, title = DENSE[kind], DENSE["korean"][:200]
    page = ExtractedPage(1, text, (Heading(0, 1, heading),) if heading else ())
    chunks = chunk_pages(
        [page], size=500, overlap=100, fullness=fullness(name, Document(title=title))
    )
    embedder = get_embedder(name)
    embedded = [embedding_text(embedder, ChunkText(title, c.heading, c.text)) for c in chunks]
    assert max(embedder.count_tokens(embedded)) <= embedder.max_tokens
    covered = {place for chunk in chunks for place in range(chunk.start, chunk.end)}
    assert all(text[n].isspace() for n in set(range(len(text))) - covered)


@pytest.mark.model
@pytest.mark.parametrize("name", REAL)
@given(
    text=st.text(max_size=1_500),
    title=st.text(max_size=120),
    heading=st.text(st.characters(exclude_characters="\n"), max_size=200),
)
@settings(max_examples=30, deadline=None)
def test_whatever_the_text_is_the_model_reads_all_of_it(name, text, title, heading):
    page = ExtractedPage(1, text, (Heading(0, 1, heading),) if text.strip() else ())
    chunks = chunk_pages(
        [page], size=500, overlap=100, fullness=fullness(name, Document(title=title))
    )
    embedder = get_embedder(name)
    embedded = [embedding_text(embedder, ChunkText(title, c.heading, c.text)) for c in chunks]
    assert all(count <= embedder.max_tokens for count in embedder.count_tokens(embedded))
    covered = {place for chunk in chunks for place in range(chunk.start, chunk.end)}
    assert all(text[n].isspace() for n in set(range(len(text))) - covered)


@pytest.mark.model
@pytest.mark.parametrize("name", REAL)
def test_an_english_chunk_of_the_usual_size_is_left_whole(name):
    text = "Employees have thirty days of annual leave, which they book in advance. " * 40
    page = ExtractedPage(1, text.strip())
    measured = chunk_pages(
        [page], size=500, overlap=100, fullness=fullness(name, Document(title="Leave"))
    )
    assert measured == chunk_pages([page], size=500, overlap=100)


@pytest.mark.model
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("kind", ["chinese", "numbers"])
def test_the_model_counts_as_it_reads(name, kind):
    """What is within the limit changes the vector, up to its last word."""
    embedder = get_embedder(name)
    text = DENSE[kind]
    while embedder.count_tokens([text])[0] > embedder.max_tokens:
        text = text[:-1]
    more = text + DENSE[kind][len(text) :] + " and the budget of the Mars mission"
    whole, longer = embedder.embed_passages([text, more])
    # Longer by what the model does not read; not by a word that it does.
    assert float(whole @ longer) > 0.98
    other = text[: -len(text) // 8] + " the budget of the Mars mission"
    assert float(whole @ embedder.embed_passages([other])[0]) < 0.9999


class Short(FakeEmbedder):
    """Reads eight words."""

    name = "short"
    max_tokens = 10
    stands_in = False


@pytest.fixture
def short(settings) -> FakeEmbedder:
    settings.EMBEDDERS = {**settings.EMBEDDERS, "short": f"{__name__}.Short"}
    embedder = get_embedder("short")
    assert isinstance(embedder, FakeEmbedder)
    embedder.history.clear()
    return embedder


@pytest.mark.django_db(transaction=True)
def test_a_document_is_cut_for_the_model_in_use(owner, short, settings):
    settings.EMBEDDING_MODEL, settings.CHUNK_OVERLAP = "short", 0
    text = "One two three four five six. Seven eight nine ten. Eleven twelve thirteen."
    upload_document(owner=owner, file=ContentFile(text.encode()), filename="a.txt", ingest=False)
    ingest_waiting()
    chunks = list(DocumentChunk.objects.order_by("pk").values_list("text", flat=True))
    assert " ".join(chunks) == text
    assert len(chunks) > 1
    assert all(count <= short.max_tokens for count in short.count_tokens(short.history))


@pytest.mark.django_db
def test_a_chunk_that_is_too_long_for_another_model_is_the_mean_of_its_parts(owner, short):
    text = "one two three four five six seven eight nine ten eleven twelve"
    [vector] = embed([Wanted(owner.organization_id, ChunkText("", "", text))], "short").vectors
    assert len(short.history) > 1
    assert all(count <= short.max_tokens for count in short.count_tokens(short.history))
    assert " ".join(short.history) == text
    mean = FakeEmbedder().embed_passages(short.history).mean(axis=0)
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)
