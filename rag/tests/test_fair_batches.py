"""Each call of the model has a part for everybody who waits."""

import time
import uuid
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.chunking import Chunk
from documents.extraction.base import ExtractedDocument
from documents.fair_order import Person
from documents.leases import Lease
from rag.chunk_vectors import Embedded
from rag.fair_batches import SHARE, FairBatches, Work
from rag.publishing import Job

ACME, RIVAL = uuid.uuid4(), uuid.uuid4()
ANNA, BEN, CARLA = Person(ACME, uuid.uuid4()), Person(ACME, uuid.uuid4()), Person(
    RIVAL, uuid.uuid4()
)  # fmt: skip


def work(person: Person, chunks: int, *, model: str = "fake") -> Work:
    lease = Lease(uuid.uuid4(), uuid.uuid4(), person, 1, False, "")
    pieces = [Chunk(number, 1, number, number + 1, "x") for number in range(chunks)]
    document = SimpleNamespace(pk=lease.document_id)
    return Work(Job(lease, document, ExtractedDocument(()), pieces, model, time.monotonic()))


def calls(batches: FairBatches, size: int) -> list[list[tuple[Work, int, int]]]:
    made = []
    while batch := batches.next(size):
        made.append([(piece.work, piece.start, piece.end) for piece in batch])
    return made


def test_a_newcomers_page_is_all_of_the_next_call_while_a_thousand_pages_are_under_way():
    batches = FairBatches()
    handbook, page = work(ANNA, 10_000), work(BEN, 3)
    batches.add(handbook)
    batches.next(256)
    batches.add(page)
    assert [(piece.work, piece.start, piece.end) for piece in batches.next(256)] == [(page, 0, 3)]


def test_short_calls_leave_every_second_one_to_the_others():
    batches = FairBatches()
    handbook = work(ANNA, 10_000)
    batches.add(handbook)
    served = []
    for _ in range(4):  # somebody comes with a page each time
        batches.add(work(BEN, 1))
        served.append({piece.work is handbook for piece in batches.next(128)})
    assert served == [{False}, {True, False}] * 2


def test_organizations_share_alike_whatever_the_number_of_their_people():
    batches = FairBatches()
    for person in (ANNA, BEN, CARLA):
        batches.add(work(person, 1_000))
    shares = {ACME: 0, RIVAL: 0}
    for piece in batches.next(4 * SHARE):
        shares[piece.job.lease.person.organization_id] += piece.end - piece.start
    assert shares == {ACME: 2 * SHARE, RIVAL: 2 * SHARE}


def test_a_persons_documents_wait_in_their_order():
    batches = FairBatches()
    first, second = work(ANNA, 100), work(ANNA, 100)
    batches.add(first)
    batches.add(second)
    assert calls(batches, 150) == [[(first, 0, 100), (second, 0, 50)], [(second, 50, 100)]]


def test_models_are_not_mixed_in_a_call():
    batches = FairBatches()
    for person, model in ((ANNA, "old"), (CARLA, "new"), (BEN, "old")):
        batches.add(work(person, 3, model=model))
    models = [{w.job.model for w, _, _ in call} for call in calls(batches, 256)]
    assert sorted(map(tuple, models)) == [("new",), ("old",)]


@pytest.mark.parametrize("size", [1, 7, 64, 256])
def test_every_chunk_is_given_out_once_and_in_order(size):
    batches = FairBatches()
    all_of_it = [work(p, n) for n in (1, 5, 64, 65, 300) for p in (ANNA, BEN, CARLA)]
    for each in all_of_it:
        batches.add(each)
    assert batches.chunks == 3 * 435
    ends = dict.fromkeys(map(id, all_of_it), 0)
    for call in calls(batches, size):
        assert sum(end - start for _, start, end in call) <= size
        for each, start, end in call:
            assert start == ends[id(each)]
            ends[id(each)] = end
    assert all(ends[id(each)] == len(each.job.chunks) for each in all_of_it)
    assert batches.chunks == 0


def test_a_document_that_failed_waits_no_longer():
    batches = FairBatches()
    bad, good = work(ANNA, 300), work(ANNA, 3)
    batches.add(bad)
    batches.add(good)
    batches.next(64)
    batches.drop(bad)
    assert calls(batches, 256) == [[(good, 0, 3)]]


def test_the_vectors_of_all_parts_become_the_documents_in_order():
    each = work(ANNA, 5)
    for first, last, complete in ((0, 2, False), (2, 5, True)):
        each.give(last - first)
        rows = np.arange(first, last, dtype=np.float32)[:, None]
        assert each.take(Embedded(rows, [bytes([n]) for n in range(first, last)])) is complete
    assert each.job.embedded is not None
    assert each.job.embedded.vectors[:, 0].tolist() == [0, 1, 2, 3, 4]


@given(st.lists(st.tuples(st.sampled_from(["add", "call", "drop"]), st.integers(1, 200))))
def test_the_chunks_that_wait_are_those_of_all_that_wait(steps):
    batches = FairBatches()
    waiting: list[Work] = []
    for step, number in steps:
        if step == "add":
            waiting.append(work((ANNA, BEN, CARLA)[number % 3], number))
            batches.add(waiting[-1])
        elif step == "call":
            batches.next(number)
        elif waiting:
            batches.drop(waiting.pop(number % len(waiting)))
        assert batches.chunks == sum(each.left for each in waiting)
