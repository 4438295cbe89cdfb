import json
import resource
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from documents.models import Document
from knowledge.lib import faults
from knowledge.lib.faults import FaultPoint
from rag.index.faiss_index import FaissIndex
from rag.index.faiss_manifest import Manifest
from rag.index.faiss_snapshot import Snapshot
from rag.index.versions import record_rebuild
from rag.models import ChunkEmbedding, IndexChange, OrganizationIndex
from rag.tests import vectors as made

VECTORS = made.clustered(40, seed=1)


@pytest.fixture(params=["small", "mapped"])
def saved(request, owner):
    """A snapshot of eight documents of five vectors; once large enough to be mapped and coded."""
    with ExitStack() as stack:
        if request.param == "mapped":
            for patch in made.small_parts():
                stack.enter_context(patch)
        stack.enter_context(made.no_chores())  # which would write another snapshot meanwhile
        made.add_documents(owner, VECTORS, rows=5)
        FaissIndex().refresh_snapshot(owner.organization_id)
        yield Snapshot(owner.organization_id, "fake")


def found(owner, index: FaissIndex | None = None) -> list[tuple[int, float]]:
    hits = made.nearest(
        index or FaissIndex(), owner, VECTORS[0], k=100, within=list(Document.objects.all())
    )
    return [(hit.chunk_id, pytest.approx(hit.score, abs=1e-5)) for hit in hits]


def right(owner) -> list[tuple[int, float]]:
    return made.brute_force(VECTORS[0], within=Document.objects.all())


def alter_rows() -> None:
    """Make the rows' vectors differ from the snapshot's, to see which of the two is used."""
    for row, vector in zip(ChunkEmbedding.objects.all(), VECTORS[::-1], strict=True):
        row.vector = vector.tobytes()
        row.save()


def files_of(snapshot: Snapshot) -> list[Path]:
    return sorted(
        path for path in snapshot.folder.rglob("*") if path.is_file() and path.stat().st_size
    )


def test_a_snapshot_gives_the_vectors_without_reading_them_from_the_rows(owner, saved):
    before = right(owner)
    alter_rows()
    assert found(owner) == before


def test_a_stale_snapshot_is_completed_from_the_changed_rows(owner, saved):
    first, second = Document.objects.all()[:2]
    made.add_document(owner, made.clustered(7, seed=2))
    made.replace_vectors(first, made.clustered(3, seed=3))
    made.remove_document(second)
    assert found(owner) == right(owner)


@pytest.mark.parametrize("way", ["truncate", "empty", "remove", "flip", "replace"])
def test_whatever_file_is_damaged_it_is_noticed_and_the_rows_are_used(owner, saved, way):
    for path in files_of(saved):
        content = path.read_bytes()
        if way == "remove":
            path.unlink()
        else:
            flipped = content[:-3] + bytes([content[-3] ^ 4]) + content[-2:]
            damaged = {"truncate": content[:-1], "empty": b"", "flip": flipped, "replace": b"{}"}
            path.write_bytes(damaged[way])
        assert saved.load(made.DIMENSION) is None, path.name
        assert found(owner) == right(owner)
        path.write_bytes(content)
    assert saved.load(made.DIMENSION) is not None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_bit_flipped_and_any_cut_is_noticed(owner, saved, data):
    path = data.draw(st.sampled_from(files_of(saved)))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    bit = data.draw(st.sampled_from([None, *range(8)]))
    flipped = b"" if bit is None else bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]
    path.write_bytes(content[:at] + flipped)
    try:
        base = saved.load(made.DIMENSION)
        # Blanks between the manifest's fields may change and say the same.
        assert base is None or (path.name == "manifest.json" and base.block.ids.size == 40)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("field", "value"), [("model", "other"), ("dimension", 32), ("format", 1), ("version", 99)]
)
def test_a_snapshot_of_something_else_is_not_used(owner, saved, field, value):
    """Its checksum is right: it was written so."""
    fields = json.loads(saved.manifest_path.read_text())
    manifest = Manifest(**{**fields, field: value})
    saved.manifest_path.write_text(manifest.text())
    alter_rows()
    assert found(owner) == right(owner)
    condition = FaissIndex().health(owner.organization_id).snapshot.condition
    assert condition == ("damaged" if field == "format" else "foreign")


def test_a_restored_backup_that_counted_on_is_noticed_by_copy_and_snapshot(owner, saved):
    """Versions and keys are given a second time; only the token tells the histories apart."""
    held = FaissIndex()
    found(owner, held)
    alter_rows()
    IndexChange.objects.update(token=uuid.uuid4())
    OrganizationIndex.objects.update(token=uuid.uuid4())
    assert found(owner, held) == right(owner)
    assert found(owner) == right(owner)


def test_a_restored_backup_that_went_on_further_is_noticed_by_copy_and_snapshot(owner, saved):
    held = FaissIndex()
    found(owner, held)
    alter_rows()
    IndexChange.objects.update(token=uuid.uuid4())
    made.add_document(owner, made.clustered(2, seed=5))
    assert found(owner, held) == right(owner)
    assert found(owner) == right(owner)


def test_nothing_from_before_a_change_of_everything_is_used(owner, saved):
    held = FaissIndex()
    found(owner, held)
    alter_rows()
    record_rebuild(owner.organization_id)
    assert found(owner, held) == right(owner)
    assert found(owner) == right(owner)


def test_a_snapshot_that_has_other_rows_than_the_database_is_not_used(owner, saved):
    ChunkEmbedding.objects.all()[0].delete()  # past the services: no version tells of it
    assert found(owner) == right(owner)


def test_only_the_newest_snapshot_is_kept(owner, saved):
    for number in range(3):
        made.add_document(owner, made.clustered(2, seed=number))
        FaissIndex().rebuild(owner.organization_id)
    names = {path.name for path in saved.folder.iterdir()}
    assert names == {".lock", "manifest.json", saved.manifest().folder}


@pytest.mark.parametrize(
    "point",
    [
        FaultPoint.SNAPSHOT_INDEX_WRITTEN,
        FaultPoint.SNAPSHOT_MANIFEST_WRITTEN,
        FaultPoint.SNAPSHOT_RENAMED,
    ],
)
def test_what_a_crash_left_is_cleared_by_the_next_snapshot(owner, saved, point):
    made.add_document(owner, made.clustered(9, seed=9))
    with pytest.raises(Crash), crashing(point):
        FaissIndex().rebuild(owner.organization_id)
    assert found(owner) == right(owner)
    FaissIndex().rebuild(owner.organization_id)
    names = {path.name for path in saved.folder.iterdir()}
    assert names == {".lock", "manifest.json", saved.manifest().folder}


def test_a_full_disk_is_told_and_searches_go_on(owner, saved):
    index = FaissIndex()
    made.add_document(owner, made.clustered(30, seed=4))
    before = {path: path.read_bytes() for path in files_of(saved)}
    with file_size_limit(2_000):  # what is written is larger than that
        index.rebuild(owner.organization_id)
    assert found(owner, index) == right(owner)
    health = index.health(owner.organization_id)
    assert health.faults == 0
    assert health.snapshot.condition == "behind"
    assert "File too large" in health.snapshot.last_error
    kept = {path: path.read_bytes() for path in files_of(saved) if path.name != "failure.json"}
    assert kept == before  # the old one is whole, and nothing is left of the new one
    index.rebuild(owner.organization_id)
    after = FaissIndex().health(owner.organization_id).snapshot
    assert (after.condition, after.last_error) == ("current", "")


def test_codes_that_faiss_cannot_write_are_told_like_any_other_file(owner):
    with ExitStack() as stack:
        for patch in made.small_parts():
            stack.enter_context(patch)
        made.add_documents(owner, VECTORS, rows=5)
        index = FaissIndex()
        with file_size_limit(500):
            index.rebuild(owner.organization_id)
        health = index.health(owner.organization_id)
    assert health.snapshot.condition == "missing"
    assert health.snapshot.last_error
    assert found(owner, index) == right(owner)


def test_health_tells_what_lies_on_the_disk(owner, saved):
    def condition() -> str:
        return FaissIndex().health(owner.organization_id).snapshot.condition

    assert condition() == "current"
    made.add_document(owner, made.clustered(1))
    assert condition() == "behind"
    health = FaissIndex().health(owner.organization_id).snapshot
    assert (health.version, health.count) == (8, 40)
    assert health.size > 40 * made.DIMENSION * 4
    assert 0 <= health.age_s < 600
    path = files_of(saved)[0]
    path.write_bytes(path.read_bytes()[:-1])
    assert condition() == "damaged"
    saved.manifest_path.unlink()
    assert condition() == "missing"


def test_what_is_kept_for_models_without_embeddings_is_removed(owner, saved):
    folder = saved.folder.parent
    for name in ("gone-model", "other"):
        (folder / name / "x").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")  # of an older version of the product
    (folder / "index-1.faiss").write_text("")
    row = ChunkEmbedding.objects.all()[0]
    ChunkEmbedding.objects.create(
        organization_id=owner.organization_id,
        document=row.document,
        chunk=row.chunk,
        model="other",
        vector=row.vector,
    )
    FaissIndex().refresh_snapshot(owner.organization_id)
    assert {path.name for path in folder.iterdir()} == {"fake", "other"}


class Crash(BaseException):
    """Stands for the end of the process."""


@contextmanager
def crashing(at: FaultPoint):
    def handler(point: FaultPoint) -> None:
        if point == at:
            raise Crash

    faults.arm(handler)
    try:
        yield
    finally:
        faults.arm(None)


@contextmanager
def file_size_limit(size: int):
    """Let the kernel refuse to write any file beyond so many bytes, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
