"""A server that fails in a row is left alone for a while; then one call finds out."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from knowledge.lib import circuit_breaker
from knowledge.lib.circuit_breaker import CircuitBreaker, CircuitLimits, CircuitOpen

LIMITS = CircuitLimits(failures=3, window_s=60, pause_s=30)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker("m at host", LIMITS, clock=clock)


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with breaker.call() as call:
            call.failed()


def succeed(breaker: CircuitBreaker) -> None:
    with breaker.call() as call:
        call.succeeded()


def seconds_refused(breaker: CircuitBreaker) -> int:
    with pytest.raises(CircuitOpen) as refused, breaker.call():
        pass
    return refused.value.retry_after_s


def test_failures_in_a_row_open_it_and_calls_are_refused(breaker, clock):
    fail(breaker, 2)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"
    assert seconds_refused(breaker) == 30
    clock.now += 29.5
    assert seconds_refused(breaker) == 1


def test_a_success_between_keeps_it_closed(breaker):
    fail(breaker, 2)
    succeed(breaker)
    fail(breaker, 2)
    assert breaker.state == "closed"


def test_answers_that_begin_and_break_off_are_failures(breaker):
    for _ in range(3):
        with breaker.call() as call:
            call.began()
            call.failed()
    assert breaker.state == "open"


def test_failures_far_apart_keep_it_closed(breaker, clock):
    fail(breaker, 2)
    clock.now += 61
    fail(breaker, 2)
    assert breaker.state == "closed"


def test_a_call_without_a_verdict_counts_as_nothing(breaker):
    fail(breaker, 2)
    with breaker.call():
        pass
    with pytest.raises(KeyboardInterrupt), breaker.call():
        raise KeyboardInterrupt
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"


def test_after_the_pause_one_call_is_let_through_at_a_time(breaker, clock):
    fail(breaker, 3)
    clock.now += 30
    assert breaker.state == "half_open"
    with breaker.call() as trial:
        assert not trial.may_be_repeated
        assert seconds_refused(breaker) == 1
        trial.began()
        with breaker.call() as other:  # the trial's answer may go on for long
            assert other.may_be_repeated
    assert breaker.state == "closed"
    fail(breaker, 2)
    assert breaker.state == "closed"  # the failures before are forgotten


def test_a_trial_that_fails_opens_it_for_another_pause(breaker, clock):
    fail(breaker, 3)
    clock.now += 30
    fail(breaker)
    assert seconds_refused(breaker) == 30


def test_a_trial_whose_reader_left_gives_way_to_the_next(breaker, clock):
    fail(breaker, 3)
    clock.now += 30
    with breaker.call():
        pass
    assert breaker.state == "half_open"
    succeed(breaker)
    assert breaker.state == "closed"


def test_a_call_from_before_decides_nothing(breaker, clock):
    with breaker.call() as early, breaker.call() as late:
        fail(breaker, 3)
        early.succeeded()
        assert breaker.state == "open"
        clock.now += 10
        late.failed()
        assert seconds_refused(breaker) == 20  # the pause is not prolonged


def test_of_many_threads_one_makes_the_trial(breaker, clock):
    fail(breaker, 3)
    clock.now += 30
    together, all_asked = threading.Barrier(8), threading.Barrier(8)

    def attempt(_: int) -> bool:
        together.wait()
        try:
            with breaker.call():
                all_asked.wait()
                return True
        except CircuitOpen:
            all_asked.wait()
            return False

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(8))) == 1


def test_opening_and_closing_are_logged_once(breaker, clock, caplog):
    caplog.set_level("INFO", "knowledge.circuit")
    fail(breaker, 3)
    clock.now += 30
    succeed(breaker)
    succeed(breaker)
    assert [(r.message, r.circuit) for r in caplog.records] == [
        ("circuit_opened", "m at host"),
        ("circuit_closed", "m at host"),
    ]


def test_a_process_has_one_breaker_a_name_and_tells_the_states():
    circuit_breaker.forget_all()
    one = circuit_breaker.get_breaker("one", LIMITS)
    assert circuit_breaker.get_breaker("one", LIMITS) is one
    fail(circuit_breaker.get_breaker("two", LIMITS), 3)
    assert circuit_breaker.states() == {"one": "closed", "two": "open"}
    circuit_breaker.forget_all()
