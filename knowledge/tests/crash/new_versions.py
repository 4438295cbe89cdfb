"""Lives in which a process dies, or sleeps, over a new version of a document."""

from knowledge.lib.faults import FaultPoint as At
from knowledge.tests.crash.lives import Life
from knowledge.tests.crash.processes import Survived
from knowledge.tests.crash.scenarios import IN_A_REMOVAL, IN_A_WORKER, dies_at, life

_BEFORE_THE_COMMIT = (At.UPLOAD_RESERVED, At.UPLOAD_FILE_STORED, At.UPLOAD_ROW_WRITTEN)
_IN_WORK = (At.INGEST_CLAIMED, At.INGEST_READ, At.INGEST_EMBEDDED)


@dies_at(*_BEFORE_THE_COMMIT)
def the_upload_of_a_version_dies(life: Life, at: At) -> None:
    """The version in force stays, and so does one that waits to follow it."""
    name = life.some_names(1)[0]
    if life.rng.random() < 0.5:
        life.uploads_version(name)
    life.dies(at, "upload_version", note=life.new_version(name))


@dies_at(At.UPLOAD_COMMITTED)
def the_upload_of_a_version_dies_before_a_worker_is_rung_for(life: Life, at: At) -> None:
    note = life.new_version(life.some_names(1)[0])
    life.dies(at, "upload_version", note=note)
    life.expected.accepted_version(note)


@dies_at(*IN_A_REMOVAL)
def a_version_that_takes_the_place_of_one_that_waits_dies(life: Life, at: At) -> None:
    name = life.some_names(1)[0]
    life.uploads_version(name)
    note = life.new_version(name)
    life.dies(at, "upload_version", note=note)  # its row is there, the other's file may be too
    life.expected.accepted_version(note)


@dies_at(*IN_A_WORKER)
def a_worker_dies_over_new_versions(life: Life, at: At) -> None:
    life.asks()
    for name in life.some_names():
        life.uploads_version(name)
    try:
        life.dies(at, "work", nth=life.rng.randint(1, 2))
    except Survived:  # versions that are taken together pass it once
        life.uploads_version(life.some_names(1)[0])
        life.dies(at, "work")


@dies_at(At.DELETE_INDEX_CLEARED, At.DELETE_ROWS_GONE, At.DELETE_COMMITTED, *IN_A_REMOVAL)
def a_delete_of_what_has_versions_dies(life: Life, at: At) -> None:
    name = life.some_names(1)[0]
    life.uploads_version(name)
    life.does("work")
    life.expected.all_has_come()
    life.uploads_version(name)
    ids = life.ids([name])
    life.dies(at, "delete", names=[name])
    if at not in (At.DELETE_INDEX_CLEARED, At.DELETE_ROWS_GONE):
        life.expected.removed(name, ids[name])


@life
def new_versions_die_on_their_way(life: Life) -> None:
    life.asks()
    for at in life.rng.sample(IN_A_WORKER, 3):
        name = life.some_names(1)[0]
        life.uploads_version(name)
        life.dies(at, "work")
        life.does("let_time_pass")
        life.does("sweep")
    life.dies(At.UPLOAD_ROW_WRITTEN, "upload_version", note=life.new_version(name))


@life
def a_document_gets_its_next_version_under_a_sleeping_worker(life: Life) -> None:
    """Who reads the first one wakes up after the second is in force, and writes nothing."""
    [note] = life.uploads(1)
    sleeper = life.stops(life.rng.choice(_IN_WORK), "work")
    life.uploads_version(note.name)
    life.does("work")
    life.wakes(sleeper)


@life
def a_version_is_replaced_or_deleted_under_a_sleeping_worker(life: Life) -> None:
    for at in _IN_WORK:
        name = life.some_names(1)[0]
        life.uploads_version(name)
        sleeper = life.stops(at, "work")
        if life.rng.random() < 0.5:
            life.uploads_version(name)
        else:
            life.deletes([name])
        life.wakes(sleeper)
