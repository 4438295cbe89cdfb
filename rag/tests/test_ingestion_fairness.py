"""Nobody waits for the documents of somebody else, and a bad one costs only itself."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from documents.exceptions import DocumentFailure
from documents.fair_order import Person
from documents.models import Document
from documents.services import upload_document
from documents.tests.made_files import REAL_FILES
from knowledge.lib.errors import AppError
from rag import document_failures, ingestion, reading
from rag.heartbeat import Heartbeat
from rag.ingestion import ingest_waiting
from rag.models import IndexChange

# The pipeline's readers are threads with connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)

LIMIT_S = 20  # a test that waits longer has failed


def upload(user, text: str, filename: str = "note.txt") -> Document:
    return upload_document(
        owner=user, file=ContentFile(text.encode()), filename=filename, ingest=False
    )


def published_order() -> list[str]:
    """Return the file names in the order in which they became searchable."""
    keys = IndexChange.objects.order_by("pk").values_list("document_id", flat=True)
    names = dict(Document.objects.values_list("pk", "filename"))
    return [names[key] for key in keys]


def statuses() -> dict[str, str]:
    return dict(Document.objects.values_list("filename", "status"))


@pytest.fixture
def arrival(monkeypatch) -> threading.Event:
    """Set when a file called newcomer.txt has been read."""
    read = threading.Event()
    add = reading.FairBatches.add

    def adding(self, work):
        add(self, work)
        if work.job.document.filename == "newcomer.txt":
            read.set()

    monkeypatch.setattr(reading.FairBatches, "add", adding)
    return read


@pytest.mark.parametrize("uploader", ["colleague", "outsider"])
def test_a_page_that_comes_meanwhile_is_in_the_next_call_of_the_model(
    owner, uploader, arrival, monkeypatch, request
):
    newcomer = request.getfixturevalue(uploader)
    for number in range(60):
        upload(owner, f"Fact {number} of many. " * 400, f"{number}.txt")  # some 20 chunks each
    calls: list[set[str]] = []
    real = ingestion._embedded

    def vectors(batch):
        calls.append({piece.job.document.filename for piece in batch})
        if len(calls) == 2:
            upload(newcomer, "One page.", "newcomer.txt")
            assert arrival.wait(LIMIT_S), "it is not even read while the model is busy"
        return real(batch)

    monkeypatch.setattr(ingestion, "_embedded", vectors)
    ingest_waiting()
    assert set(statuses().values()) == {"completed"}
    assert calls[2] == {"newcomer.txt"}
    assert published_order().index("newcomer.txt") <= 2 * 9  # two calls of eight or nine documents


def test_a_page_is_ready_before_a_thousand_pages_that_are_under_way(owner, colleague, monkeypatch):
    upload(owner, "A sentence of the handbook. " * 20_000, "handbook.txt")  # over a thousand chunks
    upload(owner, "Small.", "small.txt")
    upload(colleague, "One page.", "page.txt")
    ingest_waiting()
    order = published_order()
    assert order.index("page.txt") < order.index("handbook.txt")


class Hanging:
    """Files that begin with HANG take until they are let go.

    Attributes:
        most: how many of one person, and of one organization, were being read at once.
    """

    def __init__(self, monkeypatch) -> None:
        self._changed = threading.Condition()
        self._now: list[Person] = []
        self._is_over = False
        self.most = (0, 0)
        self._real = reading.read
        monkeypatch.setattr(reading, "read", self._read)

    def _read(self, lease, model_of):
        document = Document.objects.get(pk=lease.document_id)
        if document.filename.startswith("slow"):
            with self._changed:
                self._now.append(lease.person)
                homes = [person.organization_id for person in self._now]
                people = self._now
                self.most = (
                    max(self.most[0], *map(people.count, people)),
                    max(self.most[1], *map(homes.count, homes)),
                )
                self._changed.notify_all()
                assert self._changed.wait_for(lambda: self._is_over, LIMIT_S)
                self._now.remove(lease.person)
        return self._real(lease, model_of)

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._now) >= count, LIMIT_S)

    def let_go(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


@pytest.mark.parametrize(
    ("slow_people", "newcomer", "most"),
    [
        (["owner"], "colleague", (2, 2)),
        (["owner"], "outsider", (2, 2)),
        (["owner", "colleague", "admin"], "outsider", (2, 3)),
    ],
)
def test_files_that_take_minutes_to_read_keep_nobody_else_waiting(
    monkeypatch, request, slow_people, newcomer, most
):
    hanging = Hanging(monkeypatch)
    for name in slow_people:
        for number in range(6):
            upload(request.getfixturevalue(name), f"Slow {number}.", f"slow {name} {number}.txt")
    person = request.getfixturevalue(newcomer)
    real = ingestion.publish_together

    def publish(jobs):
        published = real(jobs)
        if any(job.document.filename == "page.txt" for job in jobs):
            hanging.let_go()
        return published

    monkeypatch.setattr(ingestion, "publish_together", publish)
    with ThreadPoolExecutor(1) as worker:
        working = worker.submit(ingest_waiting)
        hanging.wait_for(most[1])  # all that may hang, does
        upload(person, "One page.", "page.txt")
        working.result(timeout=3 * LIMIT_S)
    assert published_order()[0] == "page.txt"
    assert set(statuses().values()) == {"completed"}


def test_one_person_keeps_no_more_readers_busy_than_leave_some_to_others(owner, monkeypatch):
    hanging = Hanging(monkeypatch)
    for number in range(6):
        upload(owner, f"Slow {number}.", f"slow {number}.txt")
    with ThreadPoolExecutor(1) as worker:
        working = worker.submit(ingest_waiting)
        hanging.wait_for(2)
        threading.Timer(1.0, hanging.let_go).start()  # time for others to join in, if they could
        working.result(timeout=3 * LIMIT_S)
    assert hanging.most == (2, 2)


# --- one bad document ---------------------------------------------------------------------------


def test_a_text_that_the_model_fails_on_takes_no_other_document_with_it(
    owner, monkeypatch, settings
):
    real = ingestion._embedded
    tried = []

    def vectors(batch):
        texts = [chunk.text for piece in batch for chunk in piece.job.chunks]
        if any("poison" in text for text in texts):
            tried.append(len(batch))
            raise ValueError("not a number")
        return real(batch)

    monkeypatch.setattr(ingestion, "_embedded", vectors)
    upload(owner, "poison", "bad.txt")
    good = {f"{number}.txt" for number in range(9)}
    for name in good:
        upload(owner, f"Good text of {name}.", name)
    for _ in range(settings.INGEST_MAX_ATTEMPTS + 1):
        ingest_waiting()
        Document.objects.update(next_attempt_at=timezone.now())
    assert statuses() == {**dict.fromkeys(good, "completed"), "bad.txt": "failed"}
    bad = Document.objects.get(filename="bad.txt")
    assert bad.attempts == tried.count(1) == settings.INGEST_MAX_ATTEMPTS
    assert bad.error_message == document_failures.UNEXPECTED


def test_a_large_document_that_fails_in_the_middle_is_given_up_whole(owner, monkeypatch):
    real = ingestion._embedded

    def vectors(batch):
        if any(piece.start > 0 for piece in batch):
            raise DocumentFailure("This text is too odd.", code="odd")
        return real(batch)

    monkeypatch.setattr(ingestion, "_embedded", vectors)
    upload(owner, "A sentence of the handbook. " * 9_000, "handbook.txt")
    upload(owner, "Small.", "small.txt")
    ingest_waiting()
    assert statuses() == {"handbook.txt": "failed", "small.txt": "completed"}
    assert IndexChange.objects.count() == 1


def test_a_document_that_cannot_be_written_takes_none_of_its_transaction_with_it(
    owner, monkeypatch
):
    real = ingestion.publish_together
    groups = []

    def publish(jobs):
        names = {job.document.filename for job in jobs}
        groups.append(names)
        if "bad.txt" in names:
            raise ValueError("a row that the database refuses")
        return real(jobs)

    monkeypatch.setattr(ingestion, "publish_together", publish)
    monkeypatch.setattr(reading, "FILL_UP_S", 1.0)  # so that they come together
    for name in ("1.txt", "bad.txt", "2.txt"):
        upload(owner, f"Text of {name}.", name)
    ingest_waiting()
    assert groups[0] == {"1.txt", "bad.txt", "2.txt"}
    assert {n for n, s in statuses().items() if s == "completed"} == {"1.txt", "2.txt"}


def test_small_documents_of_one_organization_are_published_together(owner, outsider, monkeypatch):
    real = ingestion.publish_together
    groups = []

    def publish(jobs):
        groups.append({job.document.uploaded_by_id for job in jobs})
        return real(jobs)

    monkeypatch.setattr(ingestion, "publish_together", publish)
    monkeypatch.setattr(reading, "FILL_UP_S", 1.0)
    for number in range(10):
        upload(owner, f"Mine {number}.", f"mine {number}.txt")
        upload(outsider, f"Theirs {number}.", f"theirs {number}.txt")
    ingest_waiting()
    assert set(statuses().values()) == {"completed"}
    assert all(len(group) == 1 for group in groups)
    assert len(groups) < 20


def test_hostile_files_end_with_a_sentence_and_the_others_go_on(owner, settings):
    folder = REAL_FILES / "documents"
    if not folder.is_dir():
        pytest.skip("the hostile files are not here")
    settings.EXTRACTION_TIMEOUT_S = 10
    accepted = 0
    for number, path in enumerate(sorted([*folder.glob("hostile/*"), *folder.glob("bad/*")])):
        with suppress(AppError), path.open("rb") as file:  # some are refused at once
            upload_document(owner=owner, file=file, filename=path.name, ingest=False)
            accepted += 1
        if number % 5 == 0:
            upload(owner, f"A good page, number {number}.", f"good {number}.txt")
    for _ in range(settings.INGEST_MAX_ATTEMPTS):
        ingest_waiting()
        Document.objects.update(next_attempt_at=timezone.now())
    assert accepted > 10
    assert not Document.objects.in_progress().exists()
    for document in Document.objects.all():
        is_good = document.filename.startswith("good")
        assert document.status == "completed" or (document.error_message and not is_good)
        assert document.attempts <= settings.INGEST_MAX_ATTEMPTS


# --- a worker that hangs ------------------------------------------------------------------------


def test_a_step_that_hangs_ends_the_leases_and_is_told(owner, settings, monkeypatch):
    settings.INGEST_LEASE_S, settings.INGEST_STALL_S = 0.03, 0.0
    renewed = []
    monkeypatch.setattr(reading.leases, "extend", renewed.append)
    told = threading.Event()
    with Heartbeat(stalled=told.set) as heartbeat, heartbeat.step():
        assert told.wait(LIMIT_S)
        heartbeat._thread.join(LIMIT_S)
        assert not heartbeat._thread.is_alive()  # so nothing is renewed any more
    assert renewed == []


def test_steps_that_end_are_no_hang_however_many_there_are(owner, settings, monkeypatch):
    settings.INGEST_LEASE_S, settings.INGEST_STALL_S = 0.03, LIMIT_S
    beaten = threading.Event()
    monkeypatch.setattr(reading.leases, "extend", lambda held: beaten.set())
    upload(owner, "Text.")
    with Heartbeat(stalled=pytest.fail) as heartbeat:
        heartbeat.watch(reading.leases.claim(limit=1))
        for _ in range(100):
            with heartbeat.step():
                pass
        assert beaten.wait(LIMIT_S)


def test_a_reader_that_breaks_ends_the_worker_instead_of_holding_leases_for_ever(
    owner, monkeypatch
):
    def breaks(_lease, _model_of):
        raise SystemError("a fault of the program")

    monkeypatch.setattr(reading, "read", breaks)
    for number in range(6):
        upload(owner, f"Text {number}.", f"{number}.txt")
    with pytest.raises(SystemError):
        ingest_waiting()
    assert not [t for t in threading.enumerate() if t.name.startswith(("read", "heartbeat"))]
