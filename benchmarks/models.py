"""The packaged embedding models beside each other: languages, English sets, speed.

Languages: 16 rules of an office in each of six languages (`languages.json`), with a question that
shares few words with its rule. It is searched among the 16 of its own language, and among the
English ones. English: parts of SQuAD 2.0 and SciFact, by vectors alone.
"""

import argparse
import csv
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks import machine, results

MODELS = ("all-MiniLM-L6-v2", "multilingual-e5-small")
RULES = Path(__file__).with_name("languages.json")
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
# Of each English set: how many questions, and how many documents beside those that answer them.
SETS = {"squad_dev": (200, 1_000), "scifact": (100, 700)}
CUT = 10


def main() -> None:
    """Measure both models, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the English sets")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "knowledge.settings.dev")
    from rag.embedding.registry import get_embedder

    embedders = {name: get_embedder(name) for name in MODELS}
    rows = [*_languages(embedders), *_english(embedders, options.data)]
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    results.write("models", {"machine": machine.describe(), "rows": rows, **_speed(embedders)})


def _languages(embedders: dict[str, Any]) -> list[dict[str, object]]:
    rules = json.loads(RULES.read_text(encoding="utf-8"))
    rows: list[dict[str, object]] = []
    for name, embedder in embedders.items():
        passages = {lang: embedder.embed_passages([p for p, _ in rules[lang]]) for lang in rules}
        for lang, pairs in rules.items():
            queries = np.stack([embedder.embed_query(question) for _, question in pairs])
            row: dict[str, object] = {"model": name, "language": lang}
            for among in dict.fromkeys([lang, "en"]):
                scores = queries @ passages[among].T
                ranks = 1 + (scores > np.diag(scores)[:, None]).sum(axis=1)
                where = "same" if among == lang else "english"
                row[f"{where}_first"] = round(float((ranks == 1).mean()), 3)
                row[f"{where}_mrr"] = round(float((1 / ranks).mean()), 3)
            rows.append(row)
    return rows


def _english(embedders: dict[str, Any], data: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for name, (questions, others) in SETS.items():
        if not (data / name).is_dir():
            print(f"{name} is left out: {data / name} is not there")
            continue
        corpus, queries, relevant = _read(data / name)
        chooser = random.Random(1)
        asked = chooser.sample(sorted(relevant), questions)
        answers = set().union(*(relevant[key] for key in asked))
        rest = sorted(set(corpus) - answers)
        keys = sorted(answers | set(chooser.sample(rest, min(others, len(rest)))))
        for model, embedder in embedders.items():
            vectors = embedder.embed_passages([corpus[key] for key in keys])
            found = [
                _rank(vectors, embedder.embed_query(queries[key]), keys, relevant[key])
                for key in asked
            ]
            rows.append(
                {
                    "model": model,
                    "set": name,
                    "documents": len(keys),
                    "questions": len(asked),
                    "mrr_at_10": round(sum(1 / rank for rank in found if rank) / len(asked), 3),
                    "recall_at_10": round(sum(rank > 0 for rank in found) / len(asked), 3),
                }
            )
    return rows


def _rank(vectors: Any, query: Any, keys: list[str], relevant: set[str]) -> int:
    """Return the rank of the first document that answers; 0 when it is not among the first."""
    order = np.argsort(-(vectors @ query))[:CUT]
    return next((n for n, at in enumerate(order, start=1) if keys[at] in relevant), 0)


def _read(folder: Path) -> tuple[dict[str, str], dict[str, str], dict[str, set[str]]]:
    corpus = {
        _key(row): f"{row.get('title', '')}\n{row['text']}"[:1_000]
        for row in _rows(folder / "corpus.jsonl")
    }
    queries = {_key(row): row["text"] for row in _rows(folder / "queries.jsonl")}
    relevant: dict[str, set[str]] = {}
    with (folder / "qrels.tsv").open(encoding="utf-8") as file:
        for query, document, score in list(csv.reader(file, delimiter="\t"))[1:]:
            if int(score) > 0:
                relevant.setdefault(query, set()).add(document)
    return corpus, queries, relevant


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _key(row: dict[str, Any]) -> str:
    return str(row.get("_id", row.get("id")))


def _speed(embedders: dict[str, Any]) -> dict[str, object]:
    """Return the processor time of each model, in turns, so that a busy machine slows both."""
    rules = json.loads(RULES.read_text(encoding="utf-8"))
    texts = [" ".join(p for p, _ in rules["en"][n : n + 5]) for n in range(12)] * 4
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in embedders}
    for embedder in embedders.values():
        embedder.use_threads(1)
    for _ in range(5):
        for name, embedder in embedders.items():
            started = time.process_time()
            embedder.embed_passages(texts)
            between = time.process_time()
            for _, question in rules["en"]:
                embedder.embed_query(question)
            ended = time.process_time()
            spent[name].append(
                ((between - started) / len(texts), (ended - between) / len(rules["en"]))
            )
    return {
        "passage_ms": {
            n: round(1000 * float(np.median([p for p, _ in s])), 1) for n, s in spent.items()
        },
        "query_ms": {
            n: round(1000 * float(np.median([q for _, q in s])), 1) for n, s in spent.items()
        },
    }


if __name__ == "__main__":
    main()
