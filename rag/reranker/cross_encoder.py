"""Any CrossEncoder of sentence-transformers, from a folder or from what is downloaded already."""

import os
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from knowledge.lib.overload import Gate, Limits
from rag.reranker.base import Reranker

logger = getLogger("knowledge.reranker")

# Word pieces of question and passage together; a passage of 500 characters takes some 120.
MAX_TOKENS = 320


class CrossEncoderReranker(Reranker):
    """Loads the model that RERANKER_MODEL names; nothing is downloaded."""

    def __init__(self) -> None:
        self.name = settings.RERANKER_MODEL
        self.gate = Gate(
            "reranker", lambda: Limits(1, settings.EMBEDDING_QUEUE, settings.EMBEDDING_TIMEOUT_S)
        )
        self._model = self._load()
        logger.info("model loaded", extra={"model": Path(self.name).name})

    def _score(self, question: str, passages: Sequence[str]) -> list[float]:
        import torch

        pairs = [(question, passage) for passage in passages]
        logits = self._model.predict(
            pairs,
            activation_fn=torch.nn.Identity(),  # comparable, where a sigmoid ends at 1.0 for many
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return [float(value) for value in np.asarray(logits, dtype=np.float64)]

    def _load(self) -> Any:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from sentence_transformers import CrossEncoder

        try:
            model = CrossEncoder(
                self.name, device="cpu", max_length=MAX_TOKENS, local_files_only=True
            )
        except (OSError, ValueError) as error:
            raise ImproperlyConfigured(
                f"RERANKER_MODEL: {self.name} is no cross-encoder that can be loaded here."
            ) from error
        if model.num_labels != 1:
            raise ImproperlyConfigured(
                f"RERANKER_MODEL: {self.name} gives {model.num_labels} figures a passage, not 1."
            )
        return model
