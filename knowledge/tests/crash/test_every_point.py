"""A process killed at any named moment loses nothing, leaves nothing and doubles nothing.

`make crash-test` does the same at random, some hundred times more.
"""

from collections.abc import Iterator

import pytest

from knowledge.lib.faults import FaultPoint
from knowledge.tests.crash.catalogue import AT, LIVES
from knowledge.tests.crash.world import World

SEED = "fixed"
# One scenario a point is enough here.
_ONE_A_POINT = {point: f"{point} {scenarios[0].__name__}" for point, scenarios in AT.items()}
_WITHOUT_A_POINT = sorted(
    name
    for name in LIVES
    if name.split()[0] not in set(FaultPoint) and not name.startswith("people_use_it")
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as running:
        yield running


def test_every_fault_point_has_a_life_that_dies_there() -> None:
    assert set(AT) == set(FaultPoint)


@pytest.mark.parametrize("point", _ONE_A_POINT)
def test_a_kill_there_breaks_nothing(world: World, point: FaultPoint) -> None:
    report = world.lead(_ONE_A_POINT[point], seed=SEED)
    assert report.breaches == [], "\n".join(report.story)
    assert report.kills[point] >= 1


@pytest.mark.parametrize("life", _WITHOUT_A_POINT)
def test_sleepers_rivals_and_random_kills_break_nothing(world: World, life: str) -> None:
    report = world.lead(life, seed=SEED)
    assert report.breaches == [], "\n".join(report.story)
