"""Lives in which a process sleeps past its time and wakes up, or two do the same work."""

from knowledge.lib.faults import FaultPoint as At
from knowledge.tests.crash.lives import Life
from knowledge.tests.crash.scenarios import life

# Where a worker holds a lease and no lock of the database.
_IN_WORK = (At.INGEST_CLAIMED, At.INGEST_READ, At.INGEST_EMBEDDED)


@life
def a_worker_sleeps_past_its_lease_and_another_finishes(life: Life) -> None:
    for at in _IN_WORK:
        life.uploads(life.rng.randint(1, 2))
        sleeper = life.stops(at, "work")
        _another_worker_takes_over(life)
        life.wakes(sleeper)


@life
def a_worker_wakes_up_while_another_has_its_document(life: Life) -> None:
    life.uploads(1)
    sleeper = life.stops(At.INGEST_READ, "work")
    life.does("let_time_pass")
    life.does("sweep")
    second = life.stops(life.rng.choice(_IN_WORK), "work")
    life.wakes(sleeper)
    life.wakes(second)


@life
def a_worker_that_lost_its_lease_dies_later(life: Life) -> None:
    life.uploads(1)
    sleeper = life.stops(life.rng.choice(_IN_WORK), "work")
    _another_worker_takes_over(life)
    sleeper.kill()
    life.counts_kill("a worker without a lease")


@life
def a_document_is_deleted_under_a_sleeping_worker(life: Life) -> None:
    for at in _IN_WORK:
        [note] = life.uploads(1)
        sleeper = life.stops(at, "work")
        life.deletes([note.name])
        life.wakes(sleeper)


@life
def two_workers_are_given_the_same_document(life: Life) -> None:
    [note] = life.uploads(1)
    key = life.ids([note.name])[note.name]
    both = [life.process(), life.process()]
    life.tell("two workers begin")
    for worker in both:
        worker.begin("ingest", document_id=key)
    for worker in both:
        worker.result()


@life
def the_queue_delivers_a_document_again(life: Life) -> None:
    [note] = life.uploads(1)
    key = life.ids([note.name])[note.name]
    sleeper = life.stops(life.rng.choice(_IN_WORK), "ingest", document_id=key)
    life.does("ingest", document_id=key)  # the lease is good: nothing to do
    life.wakes(sleeper)
    life.does("ingest", document_id=key)  # it is done: nothing to do
    life.deletes([note.name])
    life.does("ingest", document_id=key)  # it is gone: nothing to do


@life
def an_upload_sleeps_past_its_reservation(life: Life) -> None:
    """The sweeper takes the file, so the upload must not be accepted any more."""
    sleeper = life.stops(At.UPLOAD_FILE_STORED, "upload", note=life.new_note())
    life.does("let_time_pass")
    life.does("sweep")
    life.is_refused(sleeper, "Unavailable")


@life
def two_sweepers_remove_the_same_files(life: Life) -> None:
    ids = life.ids(life.some_names())
    sleeper = life.stops(
        life.rng.choice((At.DELETE_COMMITTED, At.REMOVAL_CLAIMED)), "delete", names=sorted(ids)
    )
    for name, key in ids.items():
        life.expected.removed(name, key)
    life.does("let_time_pass")
    life.does("sweep")
    life.wakes(sleeper)


@life
def two_processes_write_snapshots(life: Life) -> None:
    """The older one is written to the end after the newer one."""
    at = life.rng.choice((At.SNAPSHOT_INDEX_WRITTEN, At.SNAPSHOT_MANIFEST_WRITTEN))
    life.changes_the_indexes()
    sleeper = life.stops(at, "sweep")
    life.changes_the_indexes()
    life.does("sweep")
    life.wakes(sleeper)


def _another_worker_takes_over(life: Life) -> None:
    life.does("let_time_pass")
    life.does("sweep")
    life.does("work")
