"""What can be wrong with an evaluation."""

from knowledge.lib.errors import Conflict, InvalidInput


class BadDataSet(InvalidInput):
    """A folder is no data set, or a line of it cannot be used; the message names it."""


class AlreadyRunning(Conflict):
    """Another evaluation runs on this machine with the same data folder."""
