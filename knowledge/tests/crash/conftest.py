"""An installation whose processes are killed, one a file of tests."""

from collections.abc import Iterator

import pytest

from knowledge.tests.crash.world import World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as running:
        yield running
