"""Lives in which a process dies over a change of the embedding model."""

from knowledge.lib.faults import FaultPoint as At
from knowledge.tests.crash.expected import FIRST_MODEL
from knowledge.tests.crash.lives import Life
from knowledge.tests.crash.scenarios import dies_at, life

_IN_A_CHANGE = (
    *(At.REEMBED_BATCH_WRITTEN, At.REEMBED_COMPLETE),
    *(At.REEMBED_SWITCHING, At.REEMBED_SWITCHED),
)
# Where a process holds the lease of a change and no lock of the database.
_BEFORE_THE_SWITCH = (At.REEMBED_BATCH_WRITTEN, At.REEMBED_COMPLETE)


@dies_at(*_IN_A_CHANGE)
def a_change_of_the_model_dies(life: Life, at: At) -> None:
    life.changes_model("Acme")
    _ring(life)
    life.dies(at, "work", nth=life.rng.randint(1, 2) if at == At.REEMBED_BATCH_WRITTEN else 1)


@dies_at(*_IN_A_CHANGE)
def a_change_dies_while_documents_come_and_go(life: Life, at: At) -> None:
    life.changes_model("Acme")
    _ring(life)
    life.dies(At.REEMBED_BATCH_WRITTEN, "work")
    life.uploads(2)
    life.does("work")
    life.deletes(life.names_of("Acme")[:2])
    life.does("let_time_pass")
    _ring(life)
    life.dies(at, "work")


@dies_at(*_IN_A_CHANGE)
def the_way_back_dies(life: Life, at: At) -> None:
    life.changes_model("Rival")
    _ring(life)
    life.does("work")
    life.changes_model("Rival", FIRST_MODEL)
    _ring(life)
    if at == At.REEMBED_BATCH_WRITTEN:
        life.dies_if_passed(at, "work")  # the old vectors may be there still
    else:
        life.dies(at, "work")


@life
def a_change_sleeps_past_its_lease_and_another_finishes(life: Life) -> None:
    life.changes_model("Acme")
    _ring(life)
    sleeper = life.stops(life.rng.choice(_BEFORE_THE_SWITCH), "work")
    life.does("let_time_pass")
    _ring(life)
    life.does("work")
    life.wakes(sleeper)


@life
def a_document_is_published_while_the_switch_is_prepared(life: Life) -> None:
    """Every vector was there when the change was found complete, and then no longer."""
    life.changes_model("Acme")
    _ring(life)
    sleeper = life.stops(At.REEMBED_COMPLETE, "work")
    life.uploads(3)
    life.does("sweep")
    life.does("work")
    life.wakes(sleeper)


def _ring(life: Life) -> None:
    life.does("sweep")
