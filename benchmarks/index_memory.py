"""How much memory processes take that hold one vector index together: part of `index.py`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks import seeding

PROCESSES = 4


def measure_memory(organization_id: Any, size: int) -> dict[str, object]:
    """Return bytes a chunk of four processes that hold the index and search it at the same time."""
    command = [sys.executable, str(Path(__file__).resolve()), str(organization_id)]
    holders = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    found = list(_ask(holders))
    private = sum(row["private"] for row in found) / PROCESSES
    shared = max(row["shared"] for row in found)
    return {
        "private_bytes_a_chunk": round(private / size, 1),
        "shared_bytes_a_chunk": round(shared / size, 1),
        "four_processes_bytes_a_chunk": round((PROCESSES * private + shared) / size, 1),
    }


def _ask(holders: list["subprocess.Popen[str]"]) -> Iterator[dict[str, int]]:
    """Let all of them load, then all of them look, then all of them end."""
    for holder in holders:
        assert holder.stdout is not None
        holder.stdout.readline()
    for holder in holders:
        yield json.loads(holder.communicate("\n", timeout=600)[0].splitlines()[-1])


def _hold(organization_id: str) -> None:
    """Load the index, search it, and tell how much memory that took once a line is read."""
    import uuid

    import django

    django.setup()
    import faiss

    from documents.models import Document
    from rag.embedding.registry import get_embedder
    from rag.index.faiss_index import FaissIndex
    from rag.index.scope import Scope
    from rag.index.versions import get_state

    key = uuid.UUID(organization_id)
    scope = Scope(Document.objects.all())
    rng = np.random.default_rng(3)
    # What a web server holds without an index: libraries, the embedder, the scope.
    get_embedder()
    faiss.IndexFlatIP(8).search(_direction(rng)[None, :8].copy(), 1)
    assert scope
    before = _usage()
    index = FaissIndex()
    for _ in range(20):
        index.search(_direction(rng), k=100, state=get_state(key), within=scope)
    index.settle()
    print("ready", flush=True)
    sys.stdin.readline()
    after = _usage()
    print(json.dumps({name: after[name] - before[name] for name in after}))


def _direction(rng: np.random.Generator) -> seeding.Vectors:
    vector = rng.standard_normal(384).astype(np.float32)
    unit: seeding.Vectors = vector / np.linalg.norm(vector)
    return unit


def _usage() -> dict[str, int]:
    """Return this process's memory in bytes: its own, and of files that it maps."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    return {"private": sizes["Pss_Anon"], "shared": sizes["Rss"] - sizes["Pss_Anon"]}


if __name__ == "__main__":
    _hold(sys.argv[1])
