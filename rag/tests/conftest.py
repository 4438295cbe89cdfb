"""Each test starts with indexes of its own: a process's copies would outlive the database."""

import string
from collections.abc import Iterator

import pytest

from rag.index import registry
from rag.llm.fake import FakeChatModel
from rag.llm.registry import get_chat_model
from rag.services import watched_text


@pytest.fixture(autouse=True)
def fresh_indexes(settings, tmp_path) -> Iterator[None]:
    settings.VECTOR_STORE_DIR = tmp_path / "vector_store"
    yield
    registry.get_vector_index.cache_clear()
    registry.get_lexical_index.cache_clear()


@pytest.fixture(autouse=True)
def each_piece_alone(monkeypatch) -> None:
    """Let each piece of an answer be an event of its own, however fast they come."""
    monkeypatch.setattr(watched_text, "LOOK_EVERY_S", 0.0)


@pytest.fixture
def model(settings) -> FakeChatModel:
    """The chat model of the test: it answers what is queued."""
    settings.LLM_PROVIDER = "fake"
    fake = get_chat_model()
    assert isinstance(fake, FakeChatModel)
    fake.reset()
    return fake


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> str:
    """The folder of a cross-encoder with random weights."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder = tmp_path_factory.mktemp("cross-encoder")
    letters = string.ascii_lowercase
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    (folder / "vocab.txt").write_text("\n".join(pieces))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=400,
        num_labels=1,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return str(folder)
