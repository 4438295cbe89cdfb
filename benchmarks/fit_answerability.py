"""Fit the confidence of the offline answerer (`rag/answerability.py`), and set it against a cosine.

Each set is a folder with documents and `qa.jsonl`, some of whose questions its documents do not
answer. The passages and their best sentences are the product's own. Questions of one set asked of
another are of a foreign subject, which no set can answer. A logistic regression on the even
questions gives the weights; printed are, for the odd ones, the AUROC of the confidence and of the
bare cosine of the nearest passage, and what is refused at the threshold in use.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import numpy.typing as npt

from benchmarks import seeding

Floats = npt.NDArray[np.float64]

FOREIGN = 200  # questions of other sets that are asked of each


@dataclass(frozen=True)
class Case:
    """One question and what speaks for an answer to it."""

    evidence: tuple[float, ...]
    is_answerable: bool
    is_foreign: bool


def main() -> None:
    """Collect the evidence, fit and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = ("squad_dev", "handbook")
    parser.add_argument("folders", type=Path, nargs="*", default=[seeding.DATA / n for n in names])
    options = parser.parse_args()
    seeding.start_installation()
    from sklearn.linear_model import LogisticRegression

    from rag.answerability import EVIDENCE, WEIGHTS

    questions = {folder: read_questions(folder) for folder in options.folders}
    sets = {}
    for folder, own in questions.items():
        foreign = [
            (text, False) for other in questions if other != folder for text, _ in questions[other]
        ]
        sets[folder.name] = collect(folder, own, foreign[:: max(1, len(foreign) // FOREIGN)])
    fitted = [case for cases in sets.values() for case in cases[::2]]
    rows = np.array([case.evidence[1:] for case in fitted])
    deviation = rows.std(axis=0) + 1e-9
    model = LogisticRegression(C=0.3, max_iter=2_000)
    model.fit(rows / deviation, [case.is_answerable for case in fitted])
    weights = np.array([model.intercept_[0], *(model.coef_[0] / deviation)])
    for name, new, now in zip(EVIDENCE, weights, WEIGHTS, strict=True):
        print(f"{name:10} {new:7.2f}   now {now:6.2f}")
    for name, cases in sets.items():
        report(name, cases[1::2], weights)


def read_questions(folder: Path) -> list[tuple[str, bool]]:
    """Return the questions of a set, each with whether its documents answer it."""
    lines = (folder / "qa.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["question"], bool(row.get("answerable", True))) for row in rows]


def collect(
    folder: Path, own: list[tuple[str, bool]], foreign: list[tuple[str, bool]]
) -> list[Case]:
    """Ask the folder's documents each question, and return what speaks for an answer."""
    from django.conf import settings

    import rag.sentence_ranking
    from rag.answerability import evidence
    from rag.embedding.registry import get_embedder
    from rag.evaluation.data_sets import read_documents
    from rag.evaluation.embedding_cache import cached_embeddings
    from rag.evaluation.workspace import workspace
    from rag.retrieval import retrieve

    taken: list[tuple[float, ...]] = []

    def take(*args: Any, **facts: Any) -> tuple[float, ...]:
        taken.append(evidence(*args, **facts))
        return taken[-1]

    ranking: Any = rag.sentence_ranking
    cases = []
    with cached_embeddings(), workspace() as place:
        place.ingest(read_documents(folder), lambda *_: None)
        kept, ranking.evidence = ranking.evidence, take
        try:
            for text, is_answerable, is_foreign in [
                *((text, known, False) for text, known in own),
                *((text, known, True) for text, known in foreign),
            ]:
                found = retrieve(user=place.user, query=text, top_k=settings.RETRIEVAL_TOP_K)
                before = len(taken)
                ranking.rank_sentences(text, found.passages, get_embedder(), found.unknown)
                if len(taken) > before:
                    cases.append(Case(taken[-1], is_answerable, is_foreign))
        finally:
            ranking.evidence = kept
    return cases


def report(name: str, cases: list[Case], weights: Floats) -> None:
    """Print how well the answerable questions are told from the others."""
    from sklearn.metrics import roc_auc_score

    from rag.answerability import EVIDENCE, LEAST_CONFIDENCE, WEIGHTS, confidence

    own = [case for case in cases if not case.is_foreign]
    truth = [case.is_answerable for case in own]
    if len(set(truth)) == 1:
        print(f"{name}: every question is of one kind")
        return
    cosines = [case.evidence[EVIDENCE.index("cosine")] for case in own]
    figures = {
        "bare cosine": roc_auc_score(truth, cosines),
        "weights in use": roc_auc_score(truth, [np.dot(c.evidence, WEIGHTS) for c in own]),
        "these weights": roc_auc_score(truth, [np.dot(c.evidence, weights) for c in own]),
    }
    print(name, "  ".join(f"{label} {value:.3f}" for label, value in figures.items()))
    for label, chosen in (
        ("answerable", [c for c in own if c.is_answerable]),
        ("unanswerable", [c for c in own if not c.is_answerable]),
        ("foreign", [c for c in cases if c.is_foreign]),
    ):
        refused = [confidence(case.evidence) < LEAST_CONFIDENCE for case in chosen]
        if refused:
            print(f"  {label}: {np.mean(refused):.3f} of {len(refused)} refused")


if __name__ == "__main__":
    main()
