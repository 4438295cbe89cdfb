"""Ingestion end to end, against the raw speed of the embedding model on the same chunks.

Each round takes a set of files from stored to searchable with what the worker runs, then has the
library's own `encode` embed the same chunk texts on all cores. The two alternate, so that a noisy
machine slows both; the figure to quote is the median of the ratios.

Beside it: another program that ingests, in turns (`--peer`); how fast the list of documents answers
meanwhile; and the memory of the worker over ten thousand documents.
"""

import argparse
import os
import random
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import ingest_load, ingest_peer, ingest_sets, machine, results, seeding
from benchmarks.bare_model import bare_model
from benchmarks.ingest_sets import Files, FileSet

PEER = "BENCH_PEER"
# Chunks that the bare model embeds after each round: all of it for a small set, a sample of a large
# one, since the model alone takes as long as everything.
RAW_CHUNKS = 900

Encode = Callable[[list[str]], object]


def main() -> None:
    """Measure, print a table and write the figures."""
    options = _options()
    seeding.start_installation()

    from rag.embedding.registry import get_embedder

    embedder = get_embedder()
    embedder.use_threads(os.cpu_count() or 1)
    embedder.embed_passages(["warm up"] * 64)
    with bare_model() as encode, ingest_load.Memory() as memory:
        sets = {
            found.name: _measure(found, encode)
            for found in ingest_sets.sets(options.data, pages=options.pages, small=options.small)
        }
        ingest_load.fill_up(memory, options.documents, upload)
    figures: dict[str, object] = {"sets": sets, "memory": memory.figures()}
    if options.peer:
        figures["peer"] = ingest_peer.compare(
            shlex.split(options.peer), options.data, options.rounds, upload
        )
    else:
        print(f"no program to compare with: --peer 'PYTHON SCRIPT', or {PEER} in the environment")
    figures["page"] = ingest_load.measure_page(options.data, upload)
    _print(sets, figures)
    results.write("ingest", {"machine": machine.describe(), **figures})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=seeding.DATA, help="folder with the sets")
    parser.add_argument("--rounds", type=int, default=3, help="turns with the other program")
    parser.add_argument("--pages", type=int, default=60, help="pages of each large PDF file")
    parser.add_argument("--small", type=int, default=5_000, help="small texts")
    parser.add_argument("--documents", type=int, default=10_000, help="for the memory")
    parser.add_argument(
        "--peer",
        default=os.environ.get(PEER, ""),
        help="command that ingests FOLDER N, the first N rows of FOLDER/corpus.jsonl, and prints"
        f" one JSON line with chunks_per_s; default: {PEER}",
    )
    return parser.parse_args()


def _measure(found: FileSet, encode: Encode) -> dict[str, float]:
    """Ingest a set in rounds, other files in each: nothing is known already."""
    from rag.ingestion import ingest_waiting

    end_to_end, raw = [], []
    documents = chunks = 0
    for number, files in enumerate(found.rounds, start=1):
        before = _last_chunk()
        upload(files)
        started = time.perf_counter()
        ingest_waiting(seconds=3600)
        seconds = time.perf_counter() - started
        texts, done = _embedded(before)
        sample = random.Random(number).sample(texts, min(len(texts), RAW_CHUNKS))
        started = time.perf_counter()
        encode(sample)
        raw.append(len(sample) / (time.perf_counter() - started))
        end_to_end.append((done / seconds, len(texts) / seconds))
        documents, chunks = documents + done, chunks + len(texts)
        print(f"{found.name}, round {number}: {done} documents, {len(texts)} chunks", flush=True)
    ratios = [speed / bare for (_, speed), bare in zip(end_to_end, raw, strict=True)]
    return {
        "documents": documents,
        "chunks": chunks,
        "documents_per_s": round(statistics.median(pair[0] for pair in end_to_end), 1),
        "chunks_per_s": round(statistics.median(pair[1] for pair in end_to_end), 1),
        "raw_chunks_per_s": round(statistics.median(raw), 1),
        "ratio": round(statistics.median(ratios), 3),
    }


def _last_chunk() -> int:
    from documents.models import DocumentChunk

    return DocumentChunk.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _embedded(before: int) -> tuple[list[str], int]:
    """Return what was embedded for the chunks after that key, and of how many documents."""
    from documents.models import DocumentChunk
    from rag.chunk_vectors import chunk_text
    from rag.embedding.registry import get_embedder
    from rag.embedding.texts import embedding_text

    embedder = get_embedder()
    new = list(DocumentChunk.objects.filter(pk__gt=before).select_related("document"))
    texts = [embedding_text(embedder, chunk_text(chunk.document, chunk)) for chunk in new]
    return texts, len({chunk.document_id for chunk in new})


def upload(files: Files) -> None:
    """Upload the files as the page and the API do, in the web process and so not timed here."""
    from django.core.files.base import ContentFile

    from documents.exceptions import AlreadyUploaded
    from documents.services import upload_document

    owner = seeding.first_person()
    for filename, content in files:
        with suppress(AlreadyUploaded):  # some of the files are the same under two names
            upload_document(owner=owner, file=ContentFile(content), filename=filename, ingest=False)


def _print(sets: dict[str, dict[str, float]], figures: dict[str, object]) -> None:
    columns: Sequence[str] = ("documents_per_s", "chunks_per_s", "raw_chunks_per_s", "ratio")
    print(f"{'set':<28}" + "".join(f"{column:>18}" for column in columns))
    for name, row in sets.items():
        print(f"{name:<28}" + "".join(f"{row[column]:>18}" for column in columns))
    for name in ("peer", "page", "memory"):
        print(name, figures.get(name, "not measured"))


if __name__ == "__main__":
    main()
