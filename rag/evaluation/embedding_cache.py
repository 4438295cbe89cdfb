"""Vectors of the data sets' passages, kept across runs in a file outside the database."""

import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
from django.conf import settings

from rag.embedding.base import Embedder, Vectors
from rag.embedding.registry import get_embedder, standing_in

# Keys in one statement: SQLite takes 32,766 variables, older builds 999.
_KEYS = 900


class CachingEmbedder(Embedder):
    """Takes passages from the file where they were embedded before; asks the model for the rest.

    What somebody would wait for, a question and the sentences compared with it, always goes to the
    model: its time is part of what an evaluation measures.

    Attributes:
        asked, known: passages that were wanted, and those of them that were in the file.
    """

    def __init__(self, model: Embedder, path: Path) -> None:
        self.name = model.name
        self.dimension = model.dimension
        self.max_tokens = model.max_tokens
        self.asked = self.known = 0
        self._model = model
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")  # what is lost is computed again
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS vector (digest BLOB PRIMARY KEY, value BLOB NOT NULL) "
            "WITHOUT ROWID"
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def embed_passages(self, texts: Sequence[str], *, for_question: bool = False) -> Vectors:
        if for_question or not texts:
            return self._model.embed_passages(texts, for_question=for_question)
        digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        found = self._read(digests)
        missing = {d: text for d, text in zip(digests, texts, strict=True) if d not in found}
        if missing:
            computed = self._model.embed_passages(list(missing.values()))
            fresh = dict(zip(missing, computed, strict=True))
            self._write(fresh)
            found.update(fresh)
        self.asked += len(texts)
        self.known += len(texts) - len(missing)
        return np.stack([found[digest] for digest in digests])

    def embed_query(self, text: str) -> Vectors:
        return self._model.embed_query(text)

    def use_threads(self, count: int) -> None:
        self._model.use_threads(count)

    def _read(self, digests: Sequence[bytes]) -> dict[bytes, Vectors]:
        found: dict[bytes, Vectors] = {}
        with self._lock:
            for first in range(0, len(digests), _KEYS):
                part = digests[first : first + _KEYS]
                marks = ",".join("?" * len(part))
                rows = self._file.execute(
                    f"SELECT digest, value FROM vector WHERE digest IN ({marks})",  # noqa: S608  # nosec B608
                    part,
                )
                found.update((digest, np.frombuffer(value, dtype="<f4")) for digest, value in rows)
        return {d: vector for d, vector in found.items() if vector.shape == (self.dimension,)}

    def _write(self, vectors: dict[bytes, Vectors]) -> None:
        rows = [(digest, vector.astype("<f4").tobytes()) for digest, vector in vectors.items()]
        with self._lock:
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany("INSERT OR REPLACE INTO vector VALUES (?, ?)", rows)
            self._file.execute("COMMIT")

    def _embed_passages(self, texts: Sequence[str]) -> Vectors:
        raise NotImplementedError  # embed_passages asks the model

    def _embed_query(self, text: str) -> Vectors:
        raise NotImplementedError

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._model.count_tokens(texts)


@contextmanager
def cached_embeddings() -> Iterator[CachingEmbedder]:
    """Let the pipeline of this process take passages from the file, for a `with` block."""
    model = get_embedder()
    # Vectors of two precisions differ a little, and would make two runs differ.
    name = f"{quote(model.name, safe='')}-{settings.EMBEDDING_PRECISION}.sqlite3"
    caching = CachingEmbedder(model, Path(settings.EVALUATION_DIR) / name)
    try:
        with standing_in(caching):
            yield caching
    finally:
        caching.close()
