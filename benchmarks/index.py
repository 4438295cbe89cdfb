"""The vector index at growing sizes: starting, searching, following changes, and its memory.

Each search is set against `faiss.IndexFlatIP` with a selector, on the same vectors, the same
allowed rows and the same query, one after the other, so that a busy machine slows both.
"""

import argparse
import json
import os
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import numpy.typing as npt

from benchmarks import machine, results, seeding
from benchmarks.index_memory import measure_memory

SHARES = (0.0001, 0.001, 0.01, 0.1, 0.5, 1.0)
K = 100  # what retrieval asks for
MODEL = "all-MiniLM-L6-v2"


def main() -> None:
    """Measure every size, print the figures and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=seeding.CORPUS, help="folder with the texts")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=50)
    options = parser.parse_args()
    seeding.start_installation()
    vectors, queries = _embed(options.data, options.queries)
    owner = seeding.first_person()
    rows = []
    for size in options.sizes:
        started = time.perf_counter()
        seeding.seed_vectors(owner, vectors, chunks=size)
        print(f"{size} chunks seeded in {time.perf_counter() - started:.0f} s", flush=True)
        rows.append({"chunks": size} | _measure(owner.organization_id, vectors, queries, size))
        print(json.dumps(rows[-1], indent=2), flush=True)
    results.write("index", {"machine": machine.describe(), "rows": rows})


def _embed(data: Path, queries: int) -> tuple[seeding.Vectors, seeding.Vectors]:
    from rag.embedding.registry import get_embedder

    embedder = get_embedder()
    embedder.use_threads(os.cpu_count() or 1)
    vectors = embedder.embed_passages(seeding.read_texts(data, limit=seeding.REAL_CHUNKS))
    texts = seeding.read_queries(data, limit=queries)
    return vectors, np.stack([embedder.embed_query(text) for text in texts])


def _measure(
    organization_id: Any, vectors: seeding.Vectors, queries: seeding.Vectors, size: int
) -> dict[str, object]:
    from rag.index.faiss_index import FaissIndex

    index = FaissIndex()
    figures: dict[str, object] = {"ready_from_rows_s": _ready(index, organization_id)}
    index.settle()
    index.rebuild(organization_id)
    index = FaissIndex()
    figures["ready_from_snapshot_s"] = _ready(index, organization_id)
    index.settle()
    figures["structure"] = "codes" if _copy(index).view.parts[0].codes else "exact"
    figures["searches"] = _searches(index, organization_id, queries, size)
    figures["memory"] = measure_memory(organization_id, size)
    figures["changes"] = _changes(index, organization_id, vectors, queries)
    return figures


def _copy(index: Any) -> Any:
    [copy] = index._copies.values()
    return copy


def _ready(index: Any, organization_id: Any) -> float:
    from rag.index.versions import get_state

    started = time.perf_counter()
    index.warm_up(get_state(organization_id))
    return round(time.perf_counter() - started, 2)


# --- searches ------------------------------------------------------------------------------------
def _searches(
    index: Any, organization_id: Any, queries: seeding.Vectors, size: int
) -> list[dict[str, object]]:
    import faiss

    from documents.models import Document
    from rag.index.faiss_documents import pack
    from rag.index.scope import Scope
    from rag.index.versions import get_state

    faiss.omp_set_num_threads(1)
    copy = _copy(index)
    plain, owners = _plain(copy)
    found = []
    for share in SHARES:
        limit = max(1, int(share * size // seeding.CHUNKS_A_DOCUMENT))
        scope = Scope(Document.objects.filter(size__lt=limit))
        # Asks for the scope's ids, too: that is the database's part of a question.
        allowed = np.isin(owners, copy.view.documents.runs_of(pack(scope.digits)))
        state = get_state(organization_id)
        ours: list[float] = []
        theirs: list[float] = []
        recalled = 0
        for number, query in enumerate(queries):
            started = time.perf_counter()
            hits = index.search(query, k=K, state=state, within=scope)
            ours.append((time.perf_counter() - started) * 1000)
            started = time.perf_counter()
            nearest = _plain_search(plain, allowed, query)
            theirs.append((time.perf_counter() - started) * 1000)
            # By score: of chunks that are equally near, either is right.
            recalled += sum(hit.score >= nearest[:10].min() - 1e-6 for hit in hits[:10])
            if number == 0:  # the first one of a scope meets cold caches
                ours, theirs = [], []
        p50, flat_p50 = results.percentile(ours, 0.5), results.percentile(theirs, 0.5)
        row = {
            "visible": f"{share:.2%}",
            "p50_ms": round(p50, 2),
            "p95_ms": round(results.percentile(ours, 0.95), 2),
            "flat_p50_ms": round(flat_p50, 2),
            "ratio": round(p50 / flat_p50, 2),
            "recall_at_10": round(recalled / (min(10, int(allowed.sum())) * len(queries)), 4),
        }
        print(row, flush=True)
        found.append(row)
    return found


def _plain(copy: Any) -> tuple[Any, npt.NDArray[np.int64]]:
    """Return all rows in one flat index, and each row's run."""
    import faiss

    keys, runs = copy.view.documents.all()
    plain = faiss.IndexFlatIP(copy.dimension)
    for block in copy.view.blocks(keys, runs):
        plain.add(block.vectors)
    counts = copy.view.documents.runs.get(runs)[2]
    return plain, np.repeat(runs, counts)


def _plain_search(
    plain: Any, allowed: npt.NDArray[np.bool_], query: seeding.Vectors
) -> seeding.Vectors:
    """Return the cosines of the nearest allowed rows."""
    import faiss

    bits = np.packbits(allowed, bitorder="little")
    selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
    parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
    scores, rows = plain.search(query[None, :], K, params=parameters)
    found: seeding.Vectors = scores[0][rows[0] >= 0]
    return found


# --- changes -------------------------------------------------------------------------------------
def _changes(
    index: Any, organization_id: Any, vectors: seeding.Vectors, queries: seeding.Vectors
) -> dict[str, object]:
    """Time the following of changes, and searches while documents are published all the time."""
    from documents.models import Document
    from rag.index.scope import Scope
    from rag.index.versions import get_state

    figures: dict[str, object] = {}
    rng = np.random.default_rng(7)
    for count, times in ((1, 20), (100, 3)):
        taken = []
        for _ in range(times):
            _republish(organization_id, vectors, rng, count=count)
            state = get_state(organization_id)
            started = time.perf_counter()
            index.warm_up(state)
            taken.append((time.perf_counter() - started) * 1000)
        figures[f"apply_{count}_ms"] = round(results.percentile(taken, 0.5), 1)
    scope = Scope(Document.objects.filter(size__lt=50))
    assert scope
    for name, changing in (("quiet", False), ("changing", True)):
        waits: list[float] = []
        with _Publishing(organization_id, vectors) if changing else nullcontext():
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                started = time.perf_counter()
                query = queries[len(waits) % len(queries)]
                index.search(query, k=K, state=get_state(organization_id), within=scope)
                waits.append((time.perf_counter() - started) * 1000)
        figures[f"{name}_p50_ms"] = round(results.percentile(waits, 0.5), 2)
        figures[f"{name}_longest_ms"] = round(max(waits), 1)
    return figures


def _republish(
    organization_id: Any, vectors: seeding.Vectors, rng: np.random.Generator, *, count: int
) -> None:
    from django.db import transaction

    from documents.models import Document, DocumentChunk
    from rag.index.versions import record_changes

    total = Document.objects.count()
    numbers = rng.choice(total, count, replace=False).tolist()
    documents = list(Document.objects.filter(size__in=numbers))
    with transaction.atomic():
        DocumentChunk.objects.filter(document__in=documents).delete()
        seeding.add_rows(documents, vectors, rng)
        record_changes(organization_id, [document.pk for document in documents])


class _Publishing:
    """Publishes one document after the other, in a thread, for the length of a `with` block."""

    def __init__(self, organization_id: Any, vectors: seeding.Vectors) -> None:
        self._work = (organization_id, vectors)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        from django.db import connection

        rng = np.random.default_rng(11)
        while not self._over.is_set():
            _republish(*self._work, rng, count=1)
        connection.close()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


if __name__ == "__main__":
    main()
