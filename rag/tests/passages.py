"""Passages for tests that need no database."""

import uuid

from rag.retrieval import Passage


def passage(
    content: str, rank: int = 1, *, filename: str = "note.txt", heading: str = ""
) -> Passage:
    return Passage(
        chunk_key=rank,
        chunk_id=uuid.UUID(int=rank),
        document_id=uuid.UUID(int=1000 + rank),
        filename=filename,
        title="",
        heading=heading,
        page=rank,
        chunk_index=rank - 1,
        start=0,
        end=len(content),
        content=content,
        score=1 / rank,
        similarity=None,
        rank=rank,
    )


def passages(*contents: str) -> tuple[Passage, ...]:
    return tuple(passage(content, rank) for rank, content in enumerate(contents, start=1))
