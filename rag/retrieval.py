"""The only reader of the index: a question and a user in, passages that the user may read out."""

import uuid
from dataclasses import dataclass

from accounts.models import User


@dataclass(frozen=True)
class Passage:
    """A chunk that was found, with where it stands.

    Attributes:
        chunk_key: key of the row; `chunk_id` is what scripts are given.
        page: number of the page, from 1.
        start, end: characters into the page's text.
        score: the fused score, higher is better, comparable inside one result.
        similarity: cosine of question and chunk; None when only words found it.
        rank: from 1.
    """

    chunk_key: int
    chunk_id: uuid.UUID
    document_id: uuid.UUID
    filename: str
    title: str
    heading: str
    page: int
    chunk_index: int
    start: int
    end: int
    content: str
    score: float
    similarity: float | None
    rank: int


@dataclass(frozen=True)
class Retrieval:
    """The passages for a question, best first, and how long it took in milliseconds."""

    query: str
    passages: tuple[Passage, ...]
    took_ms: float


def retrieve(*, user: User, query: str, top_k: int) -> Retrieval:
    """Return the `top_k` passages that answer best, among what the user may read."""
    raise NotImplementedError
