"""The document of who gets what is what the tests of the routes hold, for every route there is."""

import os

from knowledge.tests import route_matrix
from knowledge.tests.conftest import World
from knowledge.tests.test_other_routes import acts, measured


def test_the_document_shows_every_route_and_what_each_role_gets(world: World) -> None:
    """After a change: UPDATE_ROUTE_MATRIX=1 pytest knowledge/tests/test_route_matrix.py."""
    shown = list(measured(world)), list(acts(world))
    if os.environ.get("UPDATE_ROUTE_MATRIX"):
        route_matrix.write(*shown)
    assert route_matrix.written() == route_matrix.rendered(*shown)
