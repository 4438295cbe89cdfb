"""What is embedded for a chunk: the same at ingestion, at repair and for another model."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from rag.embedding.base import Embedder

# Characters of title and headings that stand above a chunk's text.
_TITLE, _HEADING = 80, 120
# The part of what the model reads that they take at most: the text has the rest.
_SHARE_ABOVE = 0.25
_DIGEST_BYTES = 20


@dataclass(frozen=True)
class ChunkText:
    """A chunk's words with those that stand above them in its document.

    Attributes:
        title: the document's, as it is shown.
        heading: path of the headings ("Travel > Expenses").
    """

    title: str
    heading: str
    text: str


def embedding_text(embedder: Embedder, chunk: ChunkText) -> str:
    """Return the chunk's text below the title and the headings, which are cut to spare tokens."""
    above = _above(embedder, chunk.title, chunk.heading)
    return f"{above}\n{chunk.text}" if above else chunk.text


def text_digest(text: str) -> bytes:
    """Return what equal embedded texts have in common, and others don't: 20 bytes."""
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()


@lru_cache(maxsize=4096)
def _above(embedder: Embedder, title: str, heading: str) -> str:
    """Return the line above the text; of one that is too long for the model the nearest part."""
    if heading == title or heading.startswith(f"{title} > "):
        title = ""  # the document's first heading is its title
    line = " > ".join(part for part in (title[:_TITLE], heading[-_HEADING:]) if part)
    most = _SHARE_ABOVE * embedder.max_tokens
    while line and embedder.count_tokens([line])[0] > most:
        line = line[len(line) // 4 + 1 :].lstrip(" >")
    return line
