"""Every life by its name."""

# Imported because they register their lives.
from knowledge.tests.crash import model_changes, new_versions, races, scenarios, traffic  # noqa: F401
from knowledge.tests.crash.scenarios import AT, LIVES

__all__ = ["AT", "LIVES"]
