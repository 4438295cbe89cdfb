"""What the worker runs: doorbells that make it look at the rows, which are the truth."""

import os
import time
import uuid
from logging import getLogger

from django.conf import settings
from django.utils import timezone
from django_q.tasks import async_task

from accounts.models import Organization
from documents.models import Document
from documents.tasks import remove_deleted_files
from knowledge.lib.errors import NotFound
from knowledge.lib.faults import FaultPoint, passing
from rag import budgets
from rag.embedding.registry import use_threads
from rag.index.registry import get_vector_index
from rag.index.versions import prune_changes
from rag.ingestion import ingest_waiting
from rag.services import organization_removal
from rag.services.index import check_every_index, perform_queued, resume_paused_runs
from rag.services.model_change import ring_for_model_changes
from rag.services.model_change_run import run_change
from rag.services.titles import write_title

logger = getLogger("knowledge.tasks")

# A task ends after some minutes and rings again, so that others in the queue get their turn.
TASK_SECONDS = 300.0


def ingest_document(document_id: str) -> None:
    """Ingest this document if it still waits, and then whatever else does."""
    if not Document.objects.claimable(timezone.now()).filter(pk=document_id).exists():
        return  # done, deleted, or with another worker
    use_threads(settings.EMBEDDING_THREADS or os.cpu_count() or 1)
    ingest_waiting(first=uuid.UUID(document_id), seconds=TASK_SECONDS, stalled=end_process)
    ring()


def change_model(change_id: int) -> None:
    """Go on with a change of the embedding model; documents that wait go first."""
    use_threads(settings.EMBEDDING_THREADS or os.cpu_count() or 1)
    ends = time.monotonic() + TASK_SECONDS

    def should_stop() -> bool:
        waiting = Document.objects.claimable(timezone.now()).exists()
        return waiting or time.monotonic() > ends

    try:
        change = run_change(change_id=change_id, should_stop=should_stop)
    except NotFound:
        return  # its organization was deleted
    ring_for_model_changes(change_id=change.pk)


def title_conversation(conversation_id: str) -> None:
    """Give a new conversation its title."""
    write_title(conversation_id=uuid.UUID(conversation_id))


def run_on_index(run_id: int) -> None:
    """Check, repair or rebuild an index, as the run says."""
    use_threads(settings.EMBEDDING_THREADS or os.cpu_count() or 1)
    run = perform_queued(run_id)
    if run is not None and run.organization_id is not None:
        get_vector_index().forget(run.organization_id)


def check_indexes() -> None:
    """Check every index, so that faults are known before anybody looks for them."""
    check_every_index()


def remove_organization(organization_id: str) -> None:
    """Delete an organization whose removal was requested."""
    organization_removal.remove_organization(organization_id=uuid.UUID(organization_id))


def end_process() -> None:
    """End this worker, whose main thread hangs and can't be woken; the cluster starts another."""
    logger.critical("worker ended", extra={"pid": os.getpid()})
    os._exit(70)  # EX_SOFTWARE; sys.exit would only end the thread that calls it


def sweep() -> None:
    """Pick up what was left: abandoned documents, deleted files, stale snapshots, old changes."""
    ring()
    ring_for_model_changes()
    resume_paused_runs()
    remove_deleted_files()
    budgets.settle_expired()
    for organization_id in organization_removal.abandoned_removals():
        async_task(settings.ORGANIZATION_REMOVAL_TASK, str(organization_id))
    for organization_id in Organization.objects.values_list("pk", flat=True):
        prune_changes(organization_id)
        passing(FaultPoint.SWEEP_CHANGES_PRUNED)
        get_vector_index().refresh_snapshot(organization_id)


def ring() -> None:
    """Queue one task when a document waits."""
    waiting = Document.objects.claimable(timezone.now()).values_list("pk", flat=True).first()
    if waiting is not None:
        async_task(settings.INGESTION_TASK, str(waiting))
