"""Loads models and indexes before the first question asks for them."""

import threading
from logging import getLogger

from django.db import connection

from accounts.models import Organization
from rag.embedding.registry import get_embedder
from rag.index.registry import get_vector_index
from rag.index.versions import get_state
from rag.llm.registry import get_chat_model

logger = getLogger("knowledge.warming")


def warm_up_in_background() -> None:
    """Start loading in a thread; requests are served meanwhile and wait for what they need."""
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()


def _warm_up() -> None:
    try:
        get_chat_model().warm_up()
        for organization_id in Organization.objects.values_list("pk", flat=True):
            state = get_state(organization_id)
            get_embedder(state.model).embed_query("warm up")
            get_vector_index().warm_up(state)
    except (
        Exception
    ) as error:  # the thread's edge: the first question loads, and shows what is wrong
        logger.error("warm-up failed", exc_info=error)
    else:
        logger.info("warm")
    finally:
        connection.close()
