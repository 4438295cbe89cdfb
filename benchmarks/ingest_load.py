"""What ingestion does to the rest: the memory of the worker, and how fast the list answers."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from benchmarks import results, seeding
from benchmarks.ingest_sets import Files, abstracts
from benchmarks.server import Server

Upload = Callable[[Files], None]

EVERY_S = 1.0
# Samples of the curve that are kept.
KEPT = 20
REQUESTS = 100
PAUSE_S = 0.05
# Documents uploaded for the time of the requests under load.
WAITING = 400
# Small documents uploaded at a time while the number is filled up.
TOGETHER = 1_000


class Memory:
    """Samples the memory of this process beside the documents it has completed."""

    def __enter__(self) -> "Memory":
        self.curve: list[tuple[int, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def figures(self) -> dict[str, object]:
        """Return MiB by completed documents: some points, and the growth of the second half."""
        step = max(1, len(self.curve) // KEPT)
        last = self.curve[-1][0] if self.curve else 0
        half = [mib for documents, mib in self.curve if documents >= last // 2]
        return {
            "mib_by_documents": [list(point) for point in self.curve[::step]],
            "documents": last,
            "second_half_growth_mib": half[-1] - half[0] if half else 0,
        }

    def _sample(self) -> None:
        from django.db import connection

        from documents.models import Document

        process = psutil.Process()
        while not self._stop.wait(EVERY_S):
            mib = int(process.memory_info().rss / 1024**2)
            self.curve.append((Document.objects.completed().count(), mib))
        connection.close()


def fill_up(memory: Memory, documents: int, upload: Upload) -> None:
    """Ingest short notes until so many documents are completed."""
    from documents.models import Document
    from rag.ingestion import ingest_waiting

    del memory  # sampled meanwhile
    while (count := Document.objects.completed().count()) < documents:
        numbers = range(count, min(count + TOGETHER, documents))
        upload([(f"short {n}.txt", f"Room {n} has a window.".encode()) for n in numbers])
        ingest_waiting(seconds=3600)


def measure_page(data: Path, upload: Upload) -> dict[str, object]:
    """Return milliseconds of a list of documents, alone and while a worker ingests."""
    seeding.first_person()
    rows = abstracts(data)
    with Server() as server:
        client = server.client(seeding.PEOPLE["100%"])
        _times(client, 20)
        idle = _times(client, REQUESTS)
        upload(
            [
                (f"load {n}.txt", f"Load {n}. {rows[-n]['text'][::-1]}".encode())
                for n in range(1, WAITING + 1)
            ]
        )
        with _worker():
            loaded = _times(client, REQUESTS)
    figures = {
        f"{name}_{label}_ms": round(results.percentile(times, share), 1)
        for name, times in (("idle", idle), ("loaded", loaded))
        for label, share in (("p50", 0.5), ("p95", 0.95))
    }
    ratio = round(figures["loaded_p95_ms"] / figures["idle_p95_ms"], 2)
    return {**figures, "p95_ratio": ratio}


@contextmanager
def _worker() -> Iterator[None]:
    """Run the product's worker, from when it has begun to read."""
    from documents.models import Document

    before = Document.objects.completed().count()
    worker = subprocess.Popen(
        [sys.executable, str(seeding.ROOT / "manage.py"), "qcluster"],
        env=dict(os.environ),
        cwd=seeding.ROOT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _ring()
        deadline = time.monotonic() + 120
        while Document.objects.completed().count() == before and time.monotonic() < deadline:
            time.sleep(0.2)
        yield
    finally:
        for process in [*psutil.Process(worker.pid).children(recursive=True), worker]:
            process.kill()
        worker.wait(30)


def _ring() -> None:
    """Tell the worker of one document; it goes on with whatever else waits."""
    from django_q.tasks import async_task

    from documents.models import Document

    waiting = Document.objects.filter(status=Document.Status.UPLOADED).first()
    if waiting is not None:
        async_task("rag.tasks.ingest_document", str(waiting.pk))


def _times(client: httpx.Client, count: int) -> list[float]:
    """Ask for the newest documents, a little pause between, and return milliseconds."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        client.get("/api/documents").raise_for_status()
        times.append((time.perf_counter() - started) * 1000)
        time.sleep(PAUSE_S)
    return times
