"""Processes that sleep, race or are killed at no named moment break nothing either."""

import pytest

from knowledge.lib.faults import FaultPoint
from knowledge.tests.crash.catalogue import LIVES
from knowledge.tests.crash.world import World

_WITHOUT_A_POINT = sorted(
    name
    for name in LIVES
    if name.split()[0] not in set(FaultPoint) and not name.startswith("people_use_it")
)


@pytest.mark.parametrize("life", _WITHOUT_A_POINT)
def test_sleepers_rivals_and_random_kills_break_nothing(world: World, life: str) -> None:
    report = world.lead(life, seed="fixed")
    assert report.breaches == [], "\n".join(report.story)
