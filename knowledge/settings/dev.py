"""One machine, plain HTTP, nothing to configure: what `make run` uses."""

from pathlib import Path

from knowledge import env

# Read here, so that every command sees the same settings as the server.
env.load_file(Path(__file__).resolve().parent.parent.parent / ".env")

from knowledge.settings.base import *  # noqa: E402, F403
