"""How alike sentences are in meaning, where their words don't tell."""

from collections.abc import Sequence

from knowledge.lib.errors import AppError
from rag.embedding.base import Embedder

# Texts in the one batch that an answer may cost; 32 take some 100 ms of one thread.
MOST_TEXTS = 48


def likeness(pairs: Sequence[tuple[str, Sequence[str]]], embedder: Embedder) -> list[float | None]:
    """Return, for each claim, its cosine with the nearest of its sentences, or with all together.

    Args:
        pairs: claims, each with the sentences that may say it, the best first.

    Returns:
        None for a claim that found no room in the batch, and for all of them when the model has
        none: the verdict by words then stands.
    """
    texts: list[str] = []
    rows: list[tuple[int, list[int]]] = []
    for claim, sentences in pairs:
        candidates = [*sentences, " ".join(sentences)] if len(sentences) > 1 else [*sentences]
        if not candidates or len(texts) + 1 + len(candidates) > MOST_TEXTS:
            break
        first = len(texts)
        texts += [claim, *candidates]
        rows.append((first, list(range(first + 1, len(texts)))))
    if not texts:
        return [None] * len(pairs)
    try:
        vectors = embedder.embed_passages(texts, for_question=True)
    except AppError:  # too many wait for the model
        return [None] * len(pairs)
    found: list[float | None] = [
        float((vectors[others] @ vectors[claim]).max()) for claim, others in rows
    ]
    return found + [None] * (len(pairs) - len(found))
