"""Searching without answering, on record."""

from django.db import transaction

from accounts import audit
from accounts.models import User
from documents.narrowing import EVERYTHING, Narrowing
from rag.retrieval import Retrieval, retrieve
from rag.services.usage import record_search


def search_passages(
    *, user: User, query: str, top_k: int, narrowing: Narrowing = EVERYTHING
) -> Retrieval:
    """Return the passages for a question, once it is recorded whose they are and what it cost.

    Raises:
        InvalidInput, Unprocessable: the question is empty or too long.
    """
    found = retrieve(user=user, query=query, top_k=top_k, narrowing=narrowing)
    documents = dict.fromkeys(str(passage.document_id) for passage in found.passages)
    with transaction.atomic():
        audit.record(
            action="retrieval.searched",
            actor=user,
            characters=len(found.query),
            passages=len(found.passages),
            documents=list(documents),
        )
        record_search(user=user, embedded=found.embedded)
    return found
