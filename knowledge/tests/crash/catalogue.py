"""Every life by its name."""

# Imported because they register their lives.
from knowledge.tests.crash import (  # noqa: F401
    model_changes,
    new_versions,
    organizations,
    races,
    scenarios,
    traffic,
)
from knowledge.tests.crash.scenarios import AT, LIVES

__all__ = ["AT", "LIVES"]
