"""One machine, plain HTTP, nothing to configure: what `make run` uses."""

from knowledge.settings.base import *  # noqa: F403
