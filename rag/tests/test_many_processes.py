"""Web processes and workers on one installation: each sees every change at its next search."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from django.utils import timezone

from documents.models import Document, DocumentChunk
from rag.models import IndexChange
from rag.tests.two_processes.actions import EVERYWHERE, upload
from rag.tests.two_processes.processes import OtherProcess

pytestmark = pytest.mark.django_db(transaction=True)

READERS, WORKERS = 4, 2


def uploaded(owner, word: str) -> str:
    text = f"{EVERYWHERE} there is something about {word}."
    return upload(owner=str(owner.pk), text=text, visibility="organization", teams=[])


@pytest.fixture
def processes() -> Iterator[tuple[list[OtherProcess], list[OtherProcess]]]:
    with ExitStack() as stack:
        made = [OtherProcess() for _ in range(READERS + WORKERS)]
        with ThreadPoolExecutor(len(made)) as starting:
            list(starting.map(stack.enter_context, made))
        yield made[:READERS], made[READERS:]


def test_each_process_sees_each_publish_and_each_delete_at_its_next_search(
    processes, owner, admin, colleague, outsider
):
    readers, workers = processes

    def ingest() -> None:
        """Let both workers go for whatever waits, at once."""
        with ThreadPoolExecutor(WORKERS) as at_once:
            list(at_once.map(lambda worker: worker.do("ingest"), workers))

    def everybody_finds_exactly_what_there_is() -> None:
        expected = sorted(DocumentChunk.objects.values_list("pk", flat=True))
        assert len(expected) == Document.objects.count()
        for reader in readers:
            found = reader.do("search", user=str(colleague.pk), query="something")
            for way in ("vector", "lexical", "retrieved"):
                assert found[way] == expected, way
            nothing = reader.do("search", user=str(outsider.pk), query="something")
            assert nothing["vector"] == nothing["lexical"] == nothing["retrieved"] == []

    present = [uploaded(owner, f"topic{number}") for number in range(24)]
    ingest()
    everybody_finds_exactly_what_there_is()
    for turn in range(6):
        present += [uploaded(owner, f"later{turn}"), uploaded(owner, f"last{turn}")]
        ingest()
        everybody_finds_exactly_what_there_is()
        going, present = present[:3], present[3:]
        deleting = (readers + workers)[turn]
        assert deleting.do("delete", documents=going, actor=str(admin.pk)) == len(going)
        everybody_finds_exactly_what_there_is()
    assert {str(key) for key in Document.objects.values_list("pk", flat=True)} == set(present)
    # Whichever worker took it, each document was published once: as many steps as changes.
    assert IndexChange.objects.count() == 24 + 6 * 2 + 6 * 3
    assert set(Document.objects.values_list("attempts", flat=True)) == {1}


def test_a_document_that_kills_the_worker_is_given_up_and_the_others_are_ready(owner, settings):
    innocent = {uploaded(owner, f"topic{number}") for number in range(3)}
    poison = uploaded(owner, "poison")
    innocent |= {uploaded(owner, f"other{number}") for number in range(3)}
    deaths = 0
    while Document.objects.in_progress().exists():
        with OtherProcess() as worker:
            try:
                worker.do("ingest_dying_of", words="poison")
            except AssertionError as died:
                assert "ended with -9" in str(died)
                deaths += 1
        assert deaths <= settings.INGEST_MAX_ATTEMPTS
        Document.objects.filter(status="processing").update(lease_expires_at=timezone.now())
    assert deaths == settings.INGEST_MAX_ATTEMPTS
    assert {str(document.pk) for document in Document.objects.completed()} == innocent
    given_up = Document.objects.get(pk=poison)
    assert (given_up.status, given_up.error_code) == ("failed", "too_many_attempts")
    assert given_up.error_message.startswith("Reading this file stopped the worker 4 times.")
