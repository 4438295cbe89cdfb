"""Ingestion beside another program: the same texts, in turns, so that noise slows both."""

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.ingest_sets import Files, abstracts

# Texts of a turn.
TEXTS = 120


def compare(
    command: list[str], data: Path, rounds: int, upload: Callable[[Files], None]
) -> dict[str, object]:
    """Ingest the same abstracts with both programs and return chunks a second, and the ratio."""
    from documents.models import DocumentChunk
    from rag.ingestion import ingest_waiting

    rows = abstracts(data)[-TEXTS * rounds :]
    ours, theirs = [], []
    for number in range(rounds):
        share = rows[number * TEXTS : (number + 1) * TEXTS]
        upload([(f"{r['id']}.txt", f"{r['title']}\n\n{r['text']}".encode()) for r in share])
        before = DocumentChunk.objects.count()
        started = time.perf_counter()
        ingest_waiting(seconds=3600)
        seconds = time.perf_counter() - started
        ours.append((DocumentChunk.objects.count() - before) / seconds)
        with tempfile.TemporaryDirectory() as folder:
            corpus = "".join(json.dumps(row) + "\n" for row in share)
            (Path(folder) / "corpus.jsonl").write_text(corpus, encoding="utf-8")
            asked = "".join(json.dumps({"id": "1", "text": r["title"]}) + "\n" for r in share)
            (Path(folder) / "queries.jsonl").write_text(asked, encoding="utf-8")
            answer = subprocess.run(
                [*command, folder, str(TEXTS)], check=True, stdout=subprocess.PIPE, text=True
            )
        theirs.append(float(json.loads(answer.stdout.splitlines()[-1])["chunks_per_s"]))
        print(f"turn {number + 1}: {ours[-1]:.1f} and {theirs[-1]:.1f} chunks a second", flush=True)
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    return {
        "chunks_per_s": round(statistics.median(ours), 1),
        "peer_chunks_per_s": round(statistics.median(theirs), 1),
        "ratio": round(statistics.median(ratios), 2),
    }
