"""Retrieval over HTTP at growing sizes, for people who may read little, some or all of it.

For each size and share, whole requests (`POST /api/retrieval` with a token) to a real server are
timed, and its processor time a request is set against that of one bare query encode,
`SentenceTransformer.encode([query])`, of the same model at the same precision on one thread. The
two alternate, so that a noisy machine slows both.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx

from benchmarks import machine, results, seeding
from benchmarks.server import Server

QUERIES = 60
CLIENTS = 16


def main() -> None:
    """Measure every size and share, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=seeding.CORPUS)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options = parser.parse_args()
    seeding.start_installation()
    texts = seeding.read_texts(options.data, limit=seeding.REAL_CHUNKS)
    queries = seeding.read_queries(options.data, limit=2 * QUERIES)

    from rag.embedding.registry import get_embedder

    embedder: Any = get_embedder()
    embedder.use_threads(os.cpu_count() or 1)
    vectors = embedder.embed_passages(texts)
    embedder.use_threads(1)
    people = seeding.seed_people()
    rows = []
    for size in options.sizes:
        seeding.seed_documents(people, texts, vectors, chunks=size)
        rows += _measure_size(size, queries, lambda query: embedder._model.encode([query]))
    results.write("retrieve", {"machine": machine.describe(), "rows": rows})


def _measure_size(size: int, queries: list[str], encode: Any) -> list[dict[str, object]]:
    rows = []
    with Server() as server:
        for share, email in seeding.PEOPLE.items():
            client = server.client(email)
            for query in queries[:10]:
                _ask(client, query)
            row = {"chunks": size, "visible": share}
            row |= _measure_requests(server, client, queries[:QUERIES], encode)
            row["requests_per_s"] = _throughput(server, email, queries)
            row["web_mib"] = server.memory_mib()
            rows.append(row)
            print(row, flush=True)
    return rows


def _measure_requests(
    server: Server, client: httpx.Client, queries: list[str], encode: Any
) -> dict[str, object]:
    """Alternate whole requests and bare encodes; return milliseconds and their ratio."""
    wall: list[float] = []
    request_cpu = encode_cpu = 0.0
    for query in queries:
        before = server.cpu_s()
        started = time.perf_counter()
        _ask(client, query)
        wall.append((time.perf_counter() - started) * 1000)
        request_cpu += server.cpu_s() - before
        before = time.process_time()
        encode(query)
        encode_cpu += time.process_time() - before
    count = len(queries)
    return {
        "p50_ms": round(results.percentile(wall, 0.5), 1),
        "p95_ms": round(results.percentile(wall, 0.95), 1),
        "request_cpu_ms": round(request_cpu / count * 1000, 1),
        "encode_cpu_ms": round(encode_cpu / count * 1000, 1),
        "cpu_ratio": round(request_cpu / encode_cpu, 2),
    }


def _throughput(server: Server, email: str, queries: list[str]) -> float:
    """Return requests a second of 16 clients at once."""
    clients = [server.client(email) for _ in range(CLIENTS)]

    def work(number: int) -> None:
        for query in queries[number::CLIENTS]:
            _ask(clients[number], query)

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, range(CLIENTS)))
    return round(len(queries) / (time.perf_counter() - started), 1)


def _ask(client: httpx.Client, query: str) -> None:
    response = client.post("/api/retrieval", json={"query": query, "top_k": 8})
    response.raise_for_status()


if __name__ == "__main__":
    main()
