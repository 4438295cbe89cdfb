"""A process killed at any named moment loses nothing, leaves nothing and doubles nothing.

`make crash-test` does the same at random, some hundred times more.
"""

import pytest

from knowledge.lib.faults import FaultPoint
from knowledge.tests.crash.catalogue import AT
from knowledge.tests.crash.world import World

# One scenario a point is enough here.
_ONE_A_POINT = {point: f"{point} {scenarios[0].__name__}" for point, scenarios in AT.items()}


def test_every_fault_point_has_a_life_that_dies_there() -> None:
    assert set(AT) == set(FaultPoint)


@pytest.mark.parametrize("point", _ONE_A_POINT)
def test_a_kill_there_breaks_nothing(world: World, point: FaultPoint) -> None:
    report = world.lead(_ONE_A_POINT[point], seed="fixed")
    assert report.breaches == [], "\n".join(report.story)
    assert report.kills[point] >= 1
