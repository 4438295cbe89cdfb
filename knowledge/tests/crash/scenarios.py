"""Lives in which processes die: for each fault point one that dies there, and at random moments."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from knowledge.lib.faults import FaultPoint as At
from knowledge.tests.crash.lives import Life
from knowledge.tests.crash.processes import Survived

Scenario = Callable[[Life], None]
ScenarioAt = Callable[[Life, At], None]

# Which scenarios die at a point; a test holds that every point has one.
AT: defaultdict[At, list[ScenarioAt]] = defaultdict(list)
# Every life by its name.
LIVES: dict[str, Scenario] = {}

IN_A_WORKER = (
    *(At.INGEST_CLAIMED, At.INGEST_READ, At.INGEST_EMBEDDED),
    *(At.PUBLISH_OLD_ROWS_GONE, At.PUBLISH_CHUNKS_WRITTEN),
    *(At.PUBLISH_VERSION_COUNTED, At.PUBLISH_COMMITTED),
)
IN_A_SNAPSHOT = (At.SNAPSHOT_INDEX_WRITTEN, At.SNAPSHOT_MANIFEST_WRITTEN, At.SNAPSHOT_RENAMED)
IN_A_REMOVAL = (At.REMOVAL_CLAIMED, At.REMOVAL_FILE_GONE)


def dies_at(*points: At) -> Callable[[ScenarioAt], ScenarioAt]:
    """Register a scenario for these points."""

    def register(scenario: ScenarioAt) -> ScenarioAt:
        for point in points:
            AT[point].append(scenario)
            LIVES[f"{point} {scenario.__name__}"] = lambda life, at=point: scenario(life, at)
        return scenario

    return register


def life(scenario: Scenario) -> Scenario:
    """Register a life that chooses its moments by itself."""
    LIVES[scenario.__name__] = scenario
    return scenario


# --- uploads --------------------------------------------------------------------------------------
@dies_at(At.UPLOAD_RESERVED, At.UPLOAD_FILE_STORED, At.UPLOAD_ROW_WRITTEN)
def an_upload_dies_before_its_commit(life: Life, at: At) -> None:
    life.uploads(life.rng.randint(0, 2))
    life.dies(at, "upload", note=life.new_note())  # nothing of it may be left


@dies_at(At.UPLOAD_RESERVED, At.UPLOAD_FILE_STORED)
def a_server_dies_over_a_large_upload(life: Life, at: At) -> None:
    """It has been received into a file of its own, which must go too."""
    note = life.new_note()
    large = replace(note, content=note.content + b" " * 3_000_000)
    life.dies(at, "upload_over_http", note=large)


@dies_at(At.UPLOAD_COMMITTED)
def an_upload_dies_before_a_worker_is_rung_for(life: Life, at: At) -> None:
    note = life.new_note()
    life.dies(at, "upload", note=note)
    life.expected.accepted(note)


# --- ingestion ------------------------------------------------------------------------------------
@dies_at(*IN_A_WORKER)
def a_worker_dies(life: Life, at: At) -> None:
    life.uploads(life.rng.randint(1, 4))
    try:
        life.dies(at, "work", nth=life.rng.randint(1, 3))
    except Survived:  # documents that are taken together pass it once
        life.uploads(1)
        life.dies(at, "work")


@dies_at(*IN_A_WORKER)
def the_next_worker_dies_too(life: Life, at: At) -> None:
    life.uploads(2)
    first = life.rng.choice(IN_A_WORKER[:-1])  # after the last of them nothing is left to do
    life.dies(first, "work")
    life.does("let_time_pass")
    life.does("sweep")
    life.dies(at, "work")


@dies_at(*IN_A_WORKER)
def a_worker_dies_and_its_document_is_deleted(life: Life, at: At) -> None:
    notes = life.uploads(1)
    life.dies(at, "work")
    life.deletes([note.name for note in notes])


@dies_at(
    *(At.UPLOAD_RESERVED, At.UPLOAD_FILE_STORED, At.UPLOAD_ROW_WRITTEN, At.UPLOAD_COMMITTED),
    *(At.INGEST_READ, At.PUBLISH_CHUNKS_WRITTEN),
)
def a_worker_dies_over_a_message_with_attachments(life: Life, at: At) -> None:
    life.uploads_message()
    life.dies(at, "work", nth=1 if at == At.PUBLISH_CHUNKS_WRITTEN else life.rng.randint(1, 2))


@dies_at(At.INGEST_READ)
def a_file_that_kills_every_worker_is_given_up(life: Life, at: At) -> None:
    [note] = life.uploads(1)
    for _ in range(4):  # INGEST_MAX_ATTEMPTS
        life.dies(at, "work")
        life.does("let_time_pass")
        life.does("sweep")
    life.expected.given_up.add(note.name)


# --- deletes --------------------------------------------------------------------------------------
@dies_at(At.DELETE_INDEX_CLEARED, At.DELETE_ROWS_GONE)
def a_delete_dies_before_its_commit(life: Life, at: At) -> None:
    life.uploads(life.rng.randint(0, 2))
    life.dies(at, "delete", names=life.some_names())  # all of them must still be there


@dies_at(At.DELETE_COMMITTED, *IN_A_REMOVAL)
def a_delete_dies_before_its_files_are_gone(life: Life, at: At) -> None:
    life.asks()
    ids = life.ids(life.some_names())
    life.dies(at, "delete", names=sorted(ids))
    for name, key in ids.items():
        life.expected.removed(name, key)


@dies_at(At.DELETE_INDEX_CLEARED, At.DELETE_ROWS_GONE)
def a_delete_of_what_waits_dies(life: Life, at: At) -> None:
    [note] = life.uploads(1)
    life.dies(at, "delete", names=[note.name])


@dies_at(*IN_A_REMOVAL)
def the_sweeper_dies_over_files(life: Life, at: At) -> None:
    """Files of deletes and of uploads that were cut off are due."""
    ids = life.ids(life.some_names())
    life.dies(At.DELETE_COMMITTED, "delete", names=sorted(ids))
    for name, key in ids.items():
        life.expected.removed(name, key)
    life.dies(At.UPLOAD_FILE_STORED, "upload", note=life.new_note())
    life.does("let_time_pass")
    life.dies(at, "sweep")


# --- the sweep ------------------------------------------------------------------------------------
@dies_at(*IN_A_SNAPSHOT)
def a_snapshot_dies(life: Life, at: At) -> None:
    life.changes_the_indexes()
    life.dies(at, "sweep", nth=life.rng.randint(1, 2))


@dies_at(*IN_A_SNAPSHOT)
def the_next_snapshot_dies_too(life: Life, at: At) -> None:
    life.changes_the_indexes()
    life.dies(life.rng.choice(IN_A_SNAPSHOT[:-1]), "sweep")
    life.dies(at, "sweep")


@dies_at(At.SWEEP_CHANGES_PRUNED)
def a_sweep_dies_between_two_organizations(life: Life, at: At) -> None:
    life.uploads(1)
    life.dies(at, "sweep", nth=life.rng.randint(1, 2))


# --- several deaths, several processes ------------------------------------------------------------
@life
def one_process_after_the_other_dies(life: Life) -> None:
    """Deaths at random points, without a restart between, and then one while restarting."""
    for _ in range(life.rng.randint(2, 3)):
        at = life.rng.choice(_ANY_TIME)
        life.rng.choice(AT[at])(life, at)
    life.does("let_time_pass")
    life.dies_if_passed(life.rng.choice((*IN_A_REMOVAL, *IN_A_SNAPSHOT)), "sweep")
    life.dies_if_passed(life.rng.choice(IN_A_WORKER), "work")


_ANY_TIME = (
    *(At.UPLOAD_RESERVED, At.UPLOAD_FILE_STORED, At.UPLOAD_ROW_WRITTEN, At.UPLOAD_COMMITTED),
    *(At.DELETE_INDEX_CLEARED, At.DELETE_ROWS_GONE, At.DELETE_COMMITTED),
)


@life
def uploads_die_at_random_moments(life: Life) -> None:
    for _ in range(life.rng.randint(2, 4)):
        note = life.new_note()
        died = life.dies_somewhere(0.06, "upload", note=note)
        if died:
            life.expected.in_doubt(note.name, note)
        else:
            life.expected.accepted(note)


@life
def deletes_die_at_random_moments(life: Life) -> None:
    for _ in range(life.rng.randint(1, 3)):
        ids = life.ids(life.some_names())
        died = life.dies_somewhere(0.06, "delete", names=sorted(ids))
        for name, key in ids.items():
            if died:
                life.expected.in_doubt(name, document_id=key)
            else:
                life.expected.removed(name, key)


@life
def workers_die_at_random_moments(life: Life) -> None:
    life.uploads(life.rng.randint(1, 4))
    for _ in range(3):  # one less than there are attempts
        life.dies_somewhere(0.8, "work")
        life.does("let_time_pass")
        life.dies_somewhere(0.3, "sweep")


@life
def answers_die(life: Life) -> None:
    life.asks("ask")
    life.asks("question")
    life.asks("ask_and_die", pieces=life.rng.randint(0, 2))
    life.asks("ask_and_die", pieces=1_000)
    life.deletes(life.some_names())
