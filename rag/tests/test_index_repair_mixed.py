"""Any mixture of corruptions is repaired: afterwards a check is clean and searches are exact."""

import contextlib
from collections.abc import Iterator

from django.db import transaction
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as trials

from rag.index.faiss_index import FaissIndex
from rag.index.registry import get_lexical_index, get_vector_index
from rag.index.versions import get_state
from rag.tests.corruptions import CORRUPTIONS, Spoilable, sound
from rag.tests.test_index_repair import expected, found, read_again, repaired, searches

# Those that a repair takes away altogether.
_MIXABLE = sorted(
    name for name, corruption in CORRUPTIONS.items() if not corruption.left and name != "steps kept"
)


@contextlib.contextmanager
def undone() -> Iterator[None]:
    """Take back what the block does to the database, and forget what processes hold of it."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    get_vector_index.cache_clear()
    get_lexical_index.cache_clear()


@trials(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(names=strategies.lists(strategies.sampled_from(_MIXABLE), min_size=2, max_size=6))
def test_any_mixture_is_repaired_for_good(owner, settings, tmp_path_factory, names):
    settings.MEDIA_ROOT = tmp_path_factory.mktemp("media")
    settings.VECTOR_STORE_DIR = tmp_path_factory.mktemp("vectors")
    with undone():
        world = sound(owner)
        other_process = FaissIndex()
        searches(world, other_process)
        for name in names:
            spoil(name, world)
        repaired(world)
        read_again(world)
        repaired(world)  # what a document that was read again brought to light
        assert found(world) == {}
        assert searches(world, get_vector_index()) == expected(world)
        assert searches(world, other_process) == expected(world)
        version = get_state(owner.organization_id).version
        repaired(world)
        assert get_state(owner.organization_id).version == version


def spoil(name: str, world: Spoilable) -> None:
    """Spoil, unless what is to be spoilt is gone already."""
    with contextlib.suppress(Exception), transaction.atomic():
        CORRUPTIONS[name].spoil(world)
