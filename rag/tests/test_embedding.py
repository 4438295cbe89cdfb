import hypothesis
import numpy as np
import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from rag.embedding import local_models, sentence_transformer
from rag.embedding.base import Embedder
from rag.embedding.fake import FakeEmbedder
from rag.embedding.lanes import BATCH_SIZE, LENGTH_STEP, Lanes, padded
from rag.embedding.local_models import check_weights
from rag.embedding.registry import get_embedder


class Broken(Embedder):
    name = "broken"
    dimension = 2
    max_tokens = 1

    def __init__(self, vectors) -> None:
        self.vectors = np.asarray(vectors, dtype=np.float32)

    def _embed_passages(self, texts):
        return self.vectors

    def _embed_query(self, text):
        return self.vectors[0]

    def _count_tokens(self, texts):
        return [1 for _ in texts]


@pytest.mark.parametrize("vectors", [[[1, 2, 3]], [[0, 0]], [[float("nan"), 1]], [[1, 0], [0, 1]]])
def test_a_model_that_gives_nonsense_is_noticed(vectors):
    with pytest.raises(ValueError, match="broken gave"):
        Broken(vectors).embed_passages(["one"])


def test_every_vector_has_length_one():
    vectors = FakeEmbedder().embed_passages(["a few words", "", "more of them"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_text_gives_no_vector():
    assert FakeEmbedder().embed_passages([]).shape == (0, 64)


def test_an_unknown_model_is_named(settings):
    with pytest.raises(ImproperlyConfigured, match="'nonsense' is not one of"):
        get_embedder("nonsense")


def test_other_weights_are_refused(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"not the model")
    with pytest.raises(ImproperlyConfigured, match="not the published model"):
        check_weights(file, sentence_transformer.WEIGHTS_SHA256)


def length_of(tokens):
    """Stand for a model: the vector of a text is its length."""
    return np.array([[len(text)] for text in tokens], dtype=np.float32)


@given(lengths=st.lists(st.integers(1, 99), max_size=200), threads=st.integers(1, 4))
@hypothesis.settings(max_examples=50, deadline=None)
def test_each_text_gets_its_own_vector_whichever_lane_it_took(lengths, threads):
    lanes = Lanes()
    lanes.use(threads)
    found = lanes.encode([[0] * length for length in lengths], length_of, 1)
    assert found[:, 0].tolist() == lengths


def test_an_error_in_a_lane_is_the_callers():
    lanes = Lanes()
    lanes.use(2)
    with pytest.raises(ZeroDivisionError):
        lanes.encode([[1]] * 40, lambda batch: 1 / 0, 1)


def test_texts_of_like_length_share_a_batch_and_the_longest_come_first():
    lanes, batches = Lanes(), []

    def encode(tokens):
        batches.append([len(text) for text in tokens])
        return length_of(tokens)

    lanes.encode([[0] * (1 + n % 40) for n in range(100)], encode, 1)
    lengths = [length for batch in batches for length in batch]
    assert lengths == sorted(lengths, reverse=True)
    assert max(map(len, batches)) == BATCH_SIZE


@given(
    calls=st.lists(st.lists(st.integers(1, 64), max_size=60), max_size=20),
    threads=st.integers(1, 4),
)
@hypothesis.settings(max_examples=30, deadline=None)
def test_the_model_is_given_few_shapes_since_it_keeps_memory_for_each(calls, threads):
    lanes, shapes = Lanes(), set()
    lanes.use(threads)

    def encode(tokens):
        ids, mask = padded(tokens, 0)
        shapes.add(ids.shape)
        return mask.sum(axis=1, keepdims=True).astype(np.float32)

    for lengths in calls:
        assert lanes.encode([[7] * n for n in lengths], encode, 1)[:, 0].tolist() == lengths
    widths = range(LENGTH_STEP, 64 + 1, LENGTH_STEP)
    assert shapes <= {(rows, width) for rows in (1, 2, 4, 8, 16) for width in widths}


@pytest.mark.model
class TestTheRealModel:
    TEXTS = (
        "Employees have thirty days of annual leave.",
        "Laptops are replaced every four years.",
        "x",
        "A long sentence about travel expenses. " * 30,
    )

    @pytest.fixture
    def model(self) -> Embedder:
        return get_embedder("all-MiniLM-L6-v2")  # loaded once a process

    def test_a_question_is_nearest_to_its_answer(self, model):
        vectors = model.embed_passages(self.TEXTS)
        assert vectors.shape == (4, 384)
        query = model.embed_query("How much vacation do I get?")
        assert int(np.argmax(vectors @ query)) == 0

    def test_a_question_and_a_passage_of_the_same_words_have_the_same_vector(self, model):
        passages = model.embed_passages(self.TEXTS)
        queries = np.stack([model.embed_query(text) for text in self.TEXTS])
        assert ((passages * queries).sum(axis=1) > 0.999).all()

    def test_its_vectors_are_those_of_the_library_however_many_threads_compute(self, model):
        texts = [*self.TEXTS, "", "ünïcödé 数据保护", *(f"{n} " * n for n in range(1, 60, 7))]
        expected = model._model.encode(texts, convert_to_numpy=True).astype(np.float32)
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        for threads in (1, 2, 3):
            model.use_threads(threads)
            found = model.embed_passages(texts)
            assert ((found * expected).sum(axis=1) > 0.999).all()
        model.use_threads(1)

    def test_bfloat16_is_refused_when_it_differs(self, settings, monkeypatch):
        settings.EMBEDDING_PRECISION = "bfloat16"
        monkeypatch.setattr(local_models, "LEAST_COSINE", 1.01)
        assert sentence_transformer.MiniLMEmbedder().precision == "float32"


@pytest.mark.model
class TestTheMultilingualModel:
    @pytest.fixture
    def model(self) -> Embedder:
        return get_embedder("multilingual-e5-small")

    @pytest.mark.parametrize(
        "passages",
        [
            [
                "Mitarbeiter haben dreißig Tage bezahlten Urlaub im Jahr.",
                "Laptops werden alle vier Jahre ersetzt.",
            ],
            ["员工每年有三十天带薪年假。", "笔记本电脑每四年更换一次。"],
            [
                "Employees have thirty days of leave a year.",
                "Laptops are replaced every four years.",
            ],
        ],
    )
    @pytest.mark.parametrize("question", ["Wie viele Urlaubstage habe ich?", "我有多少天年假?"])
    def test_a_question_finds_its_answer_in_its_own_language_and_in_others(
        self, model, passages, question
    ):
        scores = model.embed_passages(passages) @ model.embed_query(question)
        assert scores[0] > scores[1]

    def test_its_vectors_are_those_of_the_published_engine(self, model):
        # Computed once by the engine that the weights' package carries.
        expected = [0.0387, 0.0465, -0.0366, -0.0590, 0.0957, -0.0011]
        vector = model.embed_passages(["Employees have thirty days of annual leave."])[0]
        np.testing.assert_allclose(vector[:6], expected, atol=0.003)

    def test_a_batch_gives_the_vectors_that_each_text_has_alone(self, model):
        texts = ["one", "two words", "a longer sentence about travel expenses " * 20, "数据保护"]
        together = model.embed_passages(texts)
        alone = np.concatenate([model.embed_passages([text]) for text in texts])
        assert ((together * alone).sum(axis=1) > 0.999).all()

    @pytest.mark.parametrize("text", ["", " ", "\0", "\ufdfa" * 1_000, "</s><pad>", "x" * 100_000])
    def test_no_text_stops_it(self, model, text):
        assert model.embed_passages([text, "another"]).shape == (2, 384)

    def test_what_a_document_calls_the_end_of_the_text_is_text(self, model):
        begin, *_, end = model._tokenizer.encode("</s> <s> <mask>").ids
        assert (begin, end) == (0, 2)
        assert model._tokenizer.encode("</s> <s> <mask>").ids.count(2) == 1
