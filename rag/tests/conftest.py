"""Each test starts with indexes of its own: a process's copies would outlive the database."""

import shutil
from collections.abc import Iterator

import pytest
from django.conf import settings

from rag.index import registry


@pytest.fixture(autouse=True)
def fresh_indexes() -> Iterator[None]:
    yield
    registry.get_vector_index.cache_clear()
    registry.get_lexical_index.cache_clear()
    shutil.rmtree(settings.VECTOR_STORE_DIR, ignore_errors=True)
