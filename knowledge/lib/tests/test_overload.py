"""So many work at once, so many wait their turn; what is more is refused at once."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from knowledge.lib import overload
from knowledge.lib.errors import Overloaded
from knowledge.lib.overload import Gate, Limits

LONG = 30.0  # seconds; no test waits for it to pass


def gate(places: int = 1, queue: int = 1, wait_s: float = LONG) -> Gate:
    return Gate("test", lambda: Limits(places, queue, wait_s))


def started(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def until(condition: Callable[[], bool]) -> None:
    tick = threading.Event()
    for _ in range(5000):
        if condition():
            return
        tick.wait(0.002)
    raise AssertionError("it did not come to pass")


def test_what_is_more_than_places_and_queue_is_refused_at_once_and_told_when_to_return():
    tested = gate(places=2, queue=0)
    with ExitStack() as inside:
        for _ in range(2):
            tested.require_room()
            inside.enter_context(tested.entered())
        with pytest.raises(Overloaded) as refused, tested.entered():
            pass
        assert refused.value.status == 503
        assert refused.value.retry_after_s >= LONG
        assert refused.value.details == {"retry_after_s": refused.value.retry_after_s}
        with pytest.raises(Overloaded):
            tested.require_room()
    assert tested.inside == 0
    tested.require_room()


def test_those_who_wait_come_in_in_their_order():
    tested, order = gate(queue=3), []

    def work(name: str) -> None:
        with tested.entered():
            order.append(name)

    threads = []
    with tested.entered():
        for number, name in enumerate("abc", start=1):
            threads.append(started(lambda name=name: work(name)))
            until(lambda number=number: tested.waiting == number)
        with pytest.raises(Overloaded), tested.entered():
            pass
    for thread in threads:
        thread.join()
    assert order == ["a", "b", "c"]
    assert (tested.inside, tested.waiting) == (0, 0)


def test_a_newcomer_does_not_slip_in_before_one_who_waits():
    tested, is_in, may_go = gate(queue=1), threading.Event(), threading.Event()

    def work() -> None:
        with tested.entered():
            is_in.set()
            may_go.wait()

    with tested.entered():
        waiter = started(work)
        until(lambda: tested.waiting == 1)
    # The place was handed on, whether the waiter has woken up yet or not.
    assert tested.inside == 1
    assert is_in.wait(LONG)
    may_go.set()
    waiter.join()
    assert tested.inside == 0


def test_whoever_waits_too_long_is_refused_and_leaves_the_queue():
    tested = gate(wait_s=0.01)
    with tested.entered():
        with pytest.raises(Overloaded), tested.entered():
            pass
        assert (tested.inside, tested.waiting) == (1, 0)
    with tested.entered():
        assert tested.inside == 1


def test_work_that_may_take_its_time_is_neither_refused_nor_gives_up():
    tested, done = gate(queue=0, wait_s=0.01), threading.Event()

    def work() -> None:
        with tested.entered(for_ever=True):
            done.set()

    with tested.entered():
        waiter = started(work)
        until(lambda: tested.waiting == 1)
        with pytest.raises(Overloaded), tested.entered():
            pass
    waiter.join()
    assert done.is_set()


def test_an_error_inside_gives_the_place_back():
    tested = gate()
    with pytest.raises(KeyError), tested.entered():
        raise KeyError
    assert tested.inside == 0


def test_tasks_and_threads_share_the_places():
    tested = gate(queue=1)

    async def enter() -> str:
        async with tested.entered_by_task():
            return "in"

    async def main() -> str:
        with tested.entered():
            waiting = asyncio.create_task(enter())
            while tested.waiting < 1:
                await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await enter()
        return await waiting

    assert asyncio.run(main()) == "in"
    assert (tested.inside, tested.waiting) == (0, 0)


def test_a_task_that_is_cancelled_or_late_leaves_the_queue():
    tested = gate(wait_s=0.01)
    patient = gate()

    async def enter(asked: Gate) -> None:
        async with asked.entered_by_task():
            pass

    async def main() -> None:
        with tested.entered(), pytest.raises(Overloaded):
            await enter(tested)
        with patient.entered():
            waiting = asyncio.create_task(enter(patient))
            while patient.waiting < 1:
                await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert patient.waiting == 0

    asyncio.run(main())
    assert (tested.inside, patient.inside) == (0, 0)


def test_a_task_cancelled_when_its_turn_has_come_gives_it_back():
    tested = gate()

    async def enter() -> None:
        async with tested.entered_by_task():
            raise AssertionError("it was cancelled before")

    async def main() -> None:
        with tested.entered():
            waiting = asyncio.create_task(enter())
            while tested.waiting < 1:
                await asyncio.sleep(0)
        waiting.cancel()  # the place was handed to it, and it has not run yet
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert tested.inside == 0


def test_many_threads_never_exceed_the_places():
    tested, lock = gate(places=3, queue=50), threading.Lock()
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with tested.entered():
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1

    threads = [started(work) for _ in range(12)]
    for thread in threads:
        thread.join()
    assert most <= 3
    assert (tested.inside, tested.waiting) == (0, 0)


def test_those_refused_together_are_not_sent_back_together():
    told = {overload.retry_after(10.0) for _ in range(200)}
    assert min(told) >= 10
    assert max(told) <= 20
    assert len(told) > 1
    assert overload.retry_after(0.1) >= 1


def test_a_refusal_is_logged_with_what_was_full(caplog):
    tested = gate(queue=0)
    with tested.entered(), pytest.raises(Overloaded), tested.entered():
        pass
    [record] = caplog.records
    assert (record.message, record.gate, record.inside, record.waiting) == (
        "overloaded",
        "test",
        1,
        0,
    )
