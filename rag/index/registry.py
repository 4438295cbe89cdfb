"""Which indexes are configured; one instance a process."""

from functools import cache

from django.conf import settings

from knowledge.lib import registry
from rag.index.base import LexicalIndex, VectorIndex


@cache
def get_vector_index() -> VectorIndex:
    """Return this process's vector index."""
    names = settings.VECTOR_INDEXES
    return registry.load("VECTOR_INDEX", names, settings.VECTOR_INDEX, VectorIndex)()  # type: ignore[type-abstract]


@cache
def get_lexical_index() -> LexicalIndex:
    """Return this process's lexical index."""
    names = settings.LEXICAL_INDEXES
    return registry.load("LEXICAL_INDEX", names, settings.LEXICAL_INDEX, LexicalIndex)()  # type: ignore[type-abstract]
