"""The pipeline: extract -> chunk -> embed -> publish, for as many documents as wait.

While the model computes, the next documents are read ahead and the last ones are written, each in
threads of their own. Documents are embedded together across their borders, so that many small ones
cost little more than one large one.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from logging import getLogger

from django.db import OperationalError, connection

from documents import leases
from documents.models import Document
from knowledge.lib.faults import FaultPoint, passing
from rag.chunk_vectors import Embedded, Wanted, chunk_text, embed
from rag.document_failures import record_failure, request_of
from rag.embedding.counting import counting
from rag.fair_batches import Slice, Work
from rag.heartbeat import Heartbeat
from rag.publishing import Job, ModelChanged, publish_together
from rag.reading import ReadAhead

logger = getLogger("knowledge.ingestion")

# Chunks embedded in one call: enough for batches of like length, few enough that who comes
# meanwhile waits some two seconds for its end.
EMBED_SIZE = 128
# Chunks that documents published in one transaction have together; a larger one is alone.
PUBLISH_SIZE = 256


def ingest_waiting(
    *,
    first: uuid.UUID | None = None,
    seconds: float = 600.0,
    stalled: Callable[[], None] | None = None,
) -> int:
    """Ingest what waits, `first` before others, until none is left or the time is over.

    Args:
        stalled: called when a call of the model or a transaction hangs; see `Heartbeat`.

    Returns:
        How many documents were taken, completed and failed ones together.
    """
    with (
        Heartbeat(stalled) as heartbeat,
        ReadAhead(heartbeat=heartbeat, first=first, seconds=seconds) as ahead,
        ThreadPoolExecutor(1, "publish") as publisher,
    ):
        publishing: Future[None] | None = None
        while batch := ahead.next_batch(EMBED_SIZE):
            complete = _embed(batch, ahead, heartbeat)
            passing(FaultPoint.INGEST_EMBEDDED)
            if publishing is not None:
                publishing.result()  # one batch at most waits for the disk
            publishing = publisher.submit(_publish, complete, ahead, heartbeat)
        if publishing is not None:
            publishing.result()
    return ahead.taken


def _embed(batch: Sequence[Slice], ahead: ReadAhead, heartbeat: Heartbeat) -> list[Job]:
    """Give each slice its vectors; return the documents that have all of theirs."""
    _report_progress(batch)
    try:
        with heartbeat.step():
            embedded = _embedded(batch)
    except Exception as error:  # the task's edge
        if len(batch) == 1:
            ahead.drop(batch[0].work, error)
            return []
        # One by one, so that a text that the model fails on takes no other document with it.
        return [job for piece in batch for job in _embed([piece], ahead, heartbeat)]
    complete, first = [], 0
    for piece in batch:
        count = piece.end - piece.start
        if piece.work.take(embedded.part(first, first + count)):
            complete.append(piece.job)
        first += count
    return complete


def _embedded(batch: Sequence[Slice]) -> Embedded:
    """Embed the chunks of all documents in one call, and count each document's part of it."""
    wanted = [
        Wanted(
            piece.job.document.organization_id,
            chunk_text(piece.job.document, chunk),
            piece.work.known,
        )
        for piece in batch
        for chunk in piece.job.chunks[piece.start : piece.end]
    ]
    with counting() as count:
        embedded = embed(wanted, batch[0].job.model)
    first = 0
    for piece in batch:
        theirs = embedded.part(first, first + piece.end - piece.start).tokens
        first += piece.end - piece.start
        piece.job.spent.add(
            batch[0].job.model,
            texts=sum(1 for tokens in theirs if tokens),
            tokens=sum(theirs),
            ms=count.ms * sum(theirs) / max(1, sum(embedded.tokens)),
        )
    return embedded


def _report_progress(batch: Sequence[Slice]) -> None:
    by_percent: dict[int, list[leases.Lease]] = defaultdict(list)
    for piece in batch:
        percent = 10 + 85 * piece.start // len(piece.job.chunks)
        by_percent[percent].append(piece.job.lease)
    with suppress(OperationalError):  # it is for the eye alone; the heartbeat renews the leases
        for percent, held in by_percent.items():
            leases.report(held, stage=Document.Stage.EMBEDDING, progress=percent)


def _publish(jobs: Sequence[Job], ahead: ReadAhead, heartbeat: Heartbeat) -> None:
    """Publish each document, small ones together; a failure is recorded on its row."""
    try:
        for group in _groups(jobs):
            try:
                for job in _published(group, heartbeat):
                    _log_published(job)
            except Exception as error:  # the task's edge
                if len(group) == 1:
                    record_failure(group[0].lease, error)
                else:
                    for job in group:
                        _publish([job], ahead, heartbeat)
    finally:
        for job in jobs:
            ahead.finish(job.lease)
        connection.close()  # this thread has one of its own


def _published(group: Sequence[Job], heartbeat: Heartbeat) -> list[Job]:
    """Publish; what was embedded with a model that is in use no more is embedded anew."""
    while True:
        try:
            with heartbeat.step():
                return publish_together(group)
        except ModelChanged as change:
            for job in group:
                if job.model != change.model:
                    job.model = change.model
                    _embed_anew(job, heartbeat)


def _embed_anew(job: Job, heartbeat: Heartbeat) -> None:
    work = Work(job)
    while work.left:
        with heartbeat.step():
            work.take(_embedded([work.give(EMBED_SIZE)]))


def _groups(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Yield the documents in groups of one organization, with so many chunks together."""
    groups: dict[uuid.UUID, list[Job]] = {}
    for job in jobs:
        home = job.document.organization_id
        group = groups.get(home, [])
        if group and sum(len(j.chunks) for j in [*group, job]) > PUBLISH_SIZE:
            yield groups.pop(home)
        groups.setdefault(home, []).append(job)
    yield from groups.values()


def _log_published(job: Job) -> None:
    with request_of(job.lease):
        logger.info(
            "document completed",
            extra={
                "document_id": str(job.document.pk),
                "pages": len(job.extracted.pages),
                "chunks": len(job.chunks),
                "bytes": job.document.size,
                "ms": round((time.monotonic() - job.started) * 1000),
            },
        )
