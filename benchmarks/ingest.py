"""Ingestion end to end, against the raw speed of the embedding model on the same chunks.

Each round takes a set of real files from stored to searchable with what the worker runs, then
embeds the very same chunk texts with the bare model. The two alternate in one process, so that a
noisy machine slows both; the figure to quote is the median of the ratios.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import machine, results, seeding

Files = list[tuple[str, bytes]]


def main() -> None:
    """Measure each set of files in rounds, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=seeding.DATA, help="folder with the sets")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    seeding.start_installation()

    from rag.embedding.registry import get_embedder

    embedder = get_embedder()
    embedder.use_threads(os.cpu_count() or 1)
    embedder.embed_passages(["warm up"] * 64)
    figures = {
        name: _measure(name, files, options.rounds, embedder.embed_passages)
        for name, files in _sets(options.data)
    }
    print(f"{'set':<24}{'documents/s':>12}{'chunks/s':>10}{'raw chunks/s':>14}{'ratio':>8}")
    for name, row in figures.items():
        print(
            f"{name:<24}{row['documents_per_s']:>12}{row['chunks_per_s']:>10}"
            f"{row['raw_chunks_per_s']:>14}{row['ratio']:>8}"
        )
    results.write("ingest", {"machine": machine.describe(), "sets": figures})


def _sets(data: Path) -> Iterable[tuple[str, Files]]:
    """Yield each set of files: many small texts, a handbook, and one of each format."""
    from documents.extraction.registry import accepted_extensions

    rows = (data / "scifact" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    abstracts = [json.loads(row) for row in rows[:900]]
    yield (
        "900 small texts",
        [(f"{row['id']}.txt", f"{row['title']}\n\n{row['text']}".encode()) for row in abstracts],
    )
    pages = sorted((data / "handbook" / "content").rglob("*.md"))[:150]
    yield "150 handbook pages", [(path.name, path.read_bytes()) for path in pages]
    accepted = {f".{extension}" for extension in accepted_extensions()}
    mixed = [p for p in sorted((data / "documents" / "good").iterdir()) if p.suffix in accepted]
    yield "mixed formats", [(path.name, path.read_bytes()) for path in mixed]


def _measure(
    name: str, files: Files, rounds: int, embed: Callable[[list[str]], object]
) -> dict[str, float]:
    from documents.models import Document, DocumentChunk
    from rag.chunk_vectors import chunk_text
    from rag.embedding.registry import get_embedder
    from rag.embedding.texts import embedding_text
    from rag.ingestion import ingest_waiting

    embedder = get_embedder()
    end_to_end, raw, ratios = [], [], []
    documents = chunks = 0
    for number in range(rounds):
        share = files[number::rounds]  # other files each round: nothing is known already
        before = set(DocumentChunk.objects.values_list("pk", flat=True))
        completed = Document.objects.completed().count()
        _upload(share)
        started = time.perf_counter()
        ingest_waiting(seconds=3600)
        seconds = time.perf_counter() - started
        new = DocumentChunk.objects.exclude(pk__in=before).select_related("document")
        texts = [embedding_text(embedder, chunk_text(c.document, c)) for c in new]
        started = time.perf_counter()
        embed(texts)
        raw_seconds = time.perf_counter() - started
        done = Document.objects.completed().count() - completed
        documents, chunks = documents + done, chunks + len(texts)
        end_to_end.append((done / seconds, len(texts) / seconds))
        raw.append(len(texts) / raw_seconds)
        ratios.append(raw_seconds / seconds)
        print(f"{name}, round {number + 1}: {done} documents, {len(texts)} chunks", file=sys.stderr)
    return {
        "documents": documents,
        "chunks": chunks,
        "documents_per_s": round(statistics.median(pair[0] for pair in end_to_end), 1),
        "chunks_per_s": round(statistics.median(pair[1] for pair in end_to_end), 1),
        "raw_chunks_per_s": round(statistics.median(raw), 1),
        "ratio": round(statistics.median(ratios), 3),
    }


def _upload(files: Files) -> None:
    """Upload the files as the page and the API do, in the web process and so not timed here."""
    from django.core.files.base import ContentFile

    from documents.exceptions import AlreadyUploaded
    from documents.services import upload_document

    owner = seeding.first_person()
    for filename, content in files:
        with suppress(AlreadyUploaded):  # some of the files are the same under two names
            upload_document(owner=owner, file=ContentFile(content), filename=filename, ingest=False)


if __name__ == "__main__":
    main()
