"""Lives in which a process dies while it deletes an organization, with everything of it."""

from knowledge.lib.faults import FaultPoint as At
from knowledge.tests.crash.expected import DOOMED
from knowledge.tests.crash.lives import Life
from knowledge.tests.crash.processes import Misbehaved
from knowledge.tests.crash.scenarios import dies_at

_IN_A_REMOVAL = (
    *(At.ORGANIZATION_DOCUMENTS_GONE, At.ORGANIZATION_INDEXES_GONE),
    *(At.ORGANIZATION_ROWS_GONE, At.ORGANIZATION_DELETED),
)
_ON_THE_WAY = (*_IN_A_REMOVAL[:-1], At.DELETE_INDEX_CLEARED, At.DELETE_COMMITTED)


@dies_at(*_IN_A_REMOVAL)
def a_removal_of_an_organization_dies(life: Life, at: At) -> None:
    """The task is lost with its worker; the sweeper sees that nobody is at it."""
    key = _doomed(life)
    life.dies(at, "work")
    life.does("lose_queue")
    _finishes(life, key)


@dies_at(*_IN_A_REMOVAL)
def the_next_removal_dies_too(life: Life, at: At) -> None:
    key = _doomed(life)
    life.dies(life.rng.choice(_ON_THE_WAY), "work")
    life.does("lose_queue")
    life.does("let_time_pass")
    life.does("sweep")
    life.dies_if_passed(at, "work")
    life.does("lose_queue")
    _finishes(life, key)


def _doomed(life: Life) -> str:
    life.does("make_doomed")
    return str(life.does("key_of", organization=DOOMED))


def _finishes(life: Life, key: str) -> None:
    """Have the next worker do what is left to do, and look whether anything is left."""
    life.does("let_time_pass")
    life.does("sweep")
    life.does("work")
    left = life.does("what_is_left", key=key)
    if left:
        raise Misbehaved(f"of the deleted organization there is still {left}")
