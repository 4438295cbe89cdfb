"""Keeps the figures of the last run of each benchmark beside the scripts, to be committed."""

import datetime
import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "results"


def write(name: str, figures: dict[str, object]) -> None:
    """Write `results/<name>.json`."""
    FOLDER.mkdir(exist_ok=True)
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps({"date": today, **figures}, indent=2) + "\n", encoding="utf-8")


def percentile(values: list[float], share: float) -> float:
    """Return the value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
