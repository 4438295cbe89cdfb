"""A script's view of the API, for tests."""

import json
from typing import Any

from rest_framework.test import APIClient


def client_of(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def parsed(stream: bytes) -> list[tuple[str, Any]]:
    """Return name and data of each server-sent event."""
    events = []
    for block in stream.decode().strip().split("\n\n"):
        name, data = block.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events
