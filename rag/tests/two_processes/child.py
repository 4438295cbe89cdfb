"""The second process: reads one action a line, does it, and writes what came of it."""

import json
import os
import sys
import traceback
from pathlib import Path


def main() -> None:
    """Serve actions on the database and the folders that the first line names, until the end."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "knowledge.settings.test"
    import django
    from django.conf import settings

    place = json.loads(sys.stdin.readline())
    settings.DATABASES["default"]["NAME"] = place["database"]
    settings.MEDIA_ROOT = Path(place["media"])
    settings.VECTOR_STORE_DIR = Path(place["vector_store"])
    django.setup()
    from rag.tests.two_processes.actions import ACTIONS

    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = {"result": ACTIONS[order["action"]](**order["values"])}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
