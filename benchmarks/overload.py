"""Many clients at the same moment: how many are answered, how many refused, and at what price.

For searches, whole answers and streamed answers in turn, all clients send one request at once to a
real server; meanwhile its memory is read and `/health` is asked. The clients run on the same
machine, and take a part of its processors.
"""

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx

from benchmarks import machine, results, seeding
from benchmarks.server import Server

CHUNKS = 10_000
WATCH_EVERY_S = 0.1
KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "search": ("/api/retrieval", {"top_k": 8}),
    "answer": ("/api/chat", {}),
    "streamed answer": ("/api/chat", {"stream": True}),
}


@dataclass
class Watch:
    """What the server looked like from outside while it was under load."""

    peak_mib: int = 0
    health_ms: list[float] = field(default_factory=list)
    is_over: bool = False

    async def run(self, server: Server, client: httpx.AsyncClient) -> None:
        """Look at memory and health until it is over."""
        while not self.is_over:
            self.peak_mib = max(self.peak_mib, server.memory_mib())
            started = time.perf_counter()
            (await client.get("/health")).raise_for_status()
            self.health_ms.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(WATCH_EVERY_S)


def main() -> None:
    """Measure each kind of request, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=seeding.CORPUS, help="folder with the texts")
    parser.add_argument("--clients", type=int, default=500)
    options = parser.parse_args()
    seeding.start_installation()
    os.environ["LOG_LEVEL"] = "ERROR"  # of the server: each refusal has a line
    queries = _seed(options.data)
    rows = []
    with Server() as server:
        client = server.client(seeding.PEOPLE["100%"])
        token = client.headers["Authorization"]
        client.post("/api/chat", json={"query": queries[0]}).raise_for_status()  # loads the model
        for kind in KINDS:
            row = asyncio.run(_measure(server, str(token), kind, queries, options.clients))
            print(row, flush=True)
            rows.append(row)
    results.write("overload", {"machine": machine.describe(), "chunks": CHUNKS, "kinds": rows})


def _seed(folder: Path) -> list[str]:
    from rag.embedding.registry import get_embedder

    texts = seeding.read_texts(folder, limit=seeding.REAL_CHUNKS)
    vectors = get_embedder().embed_passages(texts)
    seeding.seed_documents(seeding.seed_people(), texts, vectors, chunks=CHUNKS)
    return seeding.read_queries(folder, limit=300)


async def _measure(
    server: Server, token: str, kind: str, queries: list[str], clients: int
) -> dict[str, object]:
    async with httpx.AsyncClient(
        base_url=server.url,
        headers={"Authorization": token},
        timeout=300,
        limits=httpx.Limits(max_connections=None),
        verify=False,
    ) as client:
        before, watch = server.memory_mib(), Watch()
        watching = asyncio.create_task(watch.run(server, client))
        started = time.perf_counter()
        asked = [_ask(client, kind, queries[n % len(queries)]) for n in range(clients)]
        outcomes = await asyncio.gather(*asked)
        seconds = time.perf_counter() - started
        watch.is_over = True
        await watching
    return {
        "kind": kind,
        "clients": clients,
        "seconds": round(seconds, 1),
        **_describe(outcomes),
        "health_p95_ms": round(results.percentile(watch.health_ms, 0.95)),
        "memory_before_mib": before,
        "memory_peak_mib": watch.peak_mib,
    }


async def _ask(client: httpx.AsyncClient, kind: str, query: str) -> tuple[str, float]:
    """Return what became of one request, and after how many seconds."""
    path, options = KINDS[kind]
    started = time.perf_counter()
    response = await client.post(path, json={"query": query, **options})
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        outcome = "refused" if "Retry-After" in response.headers else "refused without Retry-After"
    elif "event: error" in response.text:
        outcome = "refused"
    else:
        outcome = "answered" if response.is_success else f"status {response.status_code}"
    return outcome, time.perf_counter() - started


def _describe(outcomes: list[tuple[str, float]]) -> dict[str, Any]:
    counted: dict[str, Any] = dict(Counter(outcome for outcome, _ in outcomes))
    for outcome in ("answered", "refused"):
        times = [seconds for found, seconds in outcomes if found == outcome]
        if times:
            counted[f"{outcome}_p50_s"] = round(results.percentile(times, 0.5), 2)
            counted[f"{outcome}_p95_s"] = round(results.percentile(times, 0.95), 2)
    return counted


if __name__ == "__main__":
    main()
