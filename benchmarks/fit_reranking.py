"""Fit the weights of the second stage (`rag/reranking.py`) on data sets, and check them on others.

For each question of each set the features of the candidates are taken from the product's own
search. The weights maximise the likelihood that a softmax over them gives to the relevant
candidates (a listwise logistic regression). Each set has the same weight, and no feature a sign
against its meaning. Printed are the weights from the even questions of all sets, and nDCG@10 over
the candidates of the odd questions, and of each set with weights from the others alone.
"""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import numpy.typing as npt

from benchmarks import seeding

Floats = npt.NDArray[np.float64]

PENALTY = 10.0  # on the squares of the weights, of features with unit deviation
SET_WEIGHT = 200.0  # questions that a set counts for
CUT = 10


@dataclass(frozen=True)
class Asked:
    """The candidates of one question: their features, documents, and which are relevant."""

    rows: Floats
    documents: list[str]
    relevant: frozenset[str]

    @property
    def is_telling(self) -> bool:
        """Whether some candidates are relevant and others are not."""
        return bool(0 < self.is_relevant.sum() < len(self.documents))

    @property
    def is_relevant(self) -> npt.NDArray[np.bool_]:
        return np.array([name in self.relevant for name in self.documents])


def main() -> None:
    """Collect the candidates, fit and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = ("scifact", "squad_dev", "handbook")
    parser.add_argument("folders", type=Path, nargs="*", default=[seeding.DATA / n for n in names])
    options = parser.parse_args()
    seeding.start_installation()
    from rag.reranking import FEATURES, WEIGHTS

    sets = {folder.name: collect(folder) for folder in options.folders}
    weights = fit([asked[::2] for asked in sets.values()])
    for feature, new, now in zip(FEATURES, weights, WEIGHTS, strict=True):
        print(f"{feature:14} {new:7.2f}   now {now:5.1f}")
    for name, asked in sets.items():
        others = [rest for other, rest in sets.items() if other != name]
        alone = fit(others) if others else weights
        print(
            f"{name:14} kept-back half {ndcg(asked[1::2], weights):.4f}"
            f"   from other sets {ndcg(asked, alone):.4f}"
            f"   weights in use {ndcg(asked, np.array(WEIGHTS)):.4f}"
        )


def collect(folder: Path) -> list[Asked]:
    """Ingest a data set, and return the candidates of each of its questions."""
    import rag.search
    from rag.evaluation.data_sets import read_retrieval_set
    from rag.evaluation.embedding_cache import cached_embeddings
    from rag.evaluation.workspace import workspace
    from rag.reranking import features
    from rag.retrieval import retrieve

    data = read_retrieval_set(folder)
    taken: list[tuple[Any, Any]] = []

    def take(question: Any, candidates: Any) -> list[float]:
        taken.append((features(question, candidates), candidates))
        return [0.0] * len(candidates)

    with cached_embeddings(), workspace() as place:
        place.ingest(data.documents, lambda *_: None)
        search: Any = rag.search
        kept, search.rerank = search.rerank, take
        try:
            for question in data.questions:
                retrieve(user=place.user, query=question.text, top_k=1)
        finally:
            search.rerank = kept
        found = []
        for question, (rows, candidates) in zip(data.questions, taken, strict=True):
            names = [place.sources[c.document_id][0] for c in candidates]
            relevant = frozenset(name for name, grade in question.grades.items() if grade > 0)
            found.append(Asked(np.array(rows), names, relevant))
    return found


def fit(sets: list[list[Asked]]) -> Floats:
    """Return the weights that the sets speak for together."""
    from scipy.optimize import minimize

    from rag.reranking import WEIGHTS

    telling = [[asked for asked in one if asked.is_telling] for one in sets]
    everything = np.concatenate([asked.rows for one in telling for asked in one])
    deviation = everything.std(axis=0) + 1e-9
    parts = [
        (asked.rows / deviation, asked.is_relevant, SET_WEIGHT / len(one))
        for one in telling
        for asked in one
    ]

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, gradient = PENALTY / 2 * weights @ weights, PENALTY * weights
        for rows, relevant, share in parts:
            scores = rows @ weights
            likely = np.exp(scores - scores.max())
            likely /= likely.sum()
            right = np.where(relevant, likely, 0.0)
            total -= share * math.log(right.sum() + 1e-12)
            gradient -= share * (rows.T @ (right / (right.sum() + 1e-12) - likely))
        return float(total), gradient

    bounds = [(None, 0.0) if weight < 0 else (0.0, None) for weight in WEIGHTS]
    found = minimize(loss, np.zeros(len(WEIGHTS)), jac=True, method="L-BFGS-B", bounds=bounds)
    weights: Floats = found.x / deviation
    return weights


def ndcg(questions: list[Asked], weights: Floats) -> float:
    """Return the mean nDCG@10, a document standing where its best chunk does."""
    values = []
    for asked in questions:
        order = np.argsort(-(asked.rows @ weights), kind="stable")
        ranking = list(dict.fromkeys(asked.documents[place] for place in order))[:CUT]
        gain = sum(1 / math.log2(n + 2) for n, doc in enumerate(ranking) if doc in asked.relevant)
        ideal = sum(1 / math.log2(n + 2) for n in range(min(CUT, len(asked.relevant))))
        values.append(gain / ideal if ideal else 0.0)
    return float(np.mean(values))


if __name__ == "__main__":
    main()
