"""A worker whose embedding model hangs ends itself, so that another one takes its documents."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from documents import leases
from documents.models import Document
from rag import tasks
from rag.embedding.registry import get_embedder
from rag.tests.library import uploaded

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 30  # of what must come to pass; nothing waits for it to be over


@pytest.mark.django_db(transaction=True)
def test_the_worker_ends_and_another_takes_the_document(owner, settings, monkeypatch):
    settings.INGEST_LEASE_S, settings.INGEST_STALL_S = 0.05, 0.05
    embedder, hangs, ended = get_embedder(), threading.Event(), threading.Event()
    document = uploaded(owner)
    (Path(settings.MEDIA_ROOT) / document.file.name).parent.mkdir(parents=True, exist_ok=True)
    (Path(settings.MEDIA_ROOT) / document.file.name).write_text("Some text.")
    real = embedder._embed_passages

    def hang(texts):
        hangs.wait(LIMIT_S)
        return real(texts)

    monkeypatch.setattr(embedder, "_embed_passages", hang)
    monkeypatch.setattr(tasks, "end_process", ended.set)
    worker = threading.Thread(target=tasks.ingest_document, args=(str(document.pk),))
    worker.start()
    try:
        assert ended.wait(LIMIT_S)
        [lease] = waited_for_claim()
        assert lease.document_id == document.pk
    finally:
        hangs.set()
        worker.join()
    # What the hung one computed after all is not written: the document is the other's now.
    document.refresh_from_db()
    assert (document.status, document.lease_token) == ("processing", lease.token)


def waited_for_claim() -> list[leases.Lease]:
    """Claim what waits as soon as its lease has run out, as the sweeper has it done."""
    tick = threading.Event()
    while not (claimed := leases.claim(limit=1)):
        tick.wait(0.01)
    Document.objects.filter(pk=claimed[0].document_id).update(lease_expires_at=None)
    return claimed


def test_the_process_ends_whatever_its_main_thread_does():
    code = (
        "import os, threading\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'knowledge.settings.test'\n"
        "import django; django.setup()\n"
        "from rag.tasks import end_process\n"
        "threading.Timer(0.0, end_process).start()\n"
        "threading.Event().wait()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=120, check=False
    )
    assert ended.returncode == 70
