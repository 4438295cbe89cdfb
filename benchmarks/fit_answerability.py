"""Fit the confidence of the offline answerer (`rag/answerability.py`), and set it against a cosine.

Each set is a folder with documents and `qa.jsonl`, some of whose questions its documents do not
answer. The passages and their best sentences are the product's own. Two further kinds of question
no set can answer: those of another set, which are of a foreign subject; and its own answerable
ones whose rarest word is exchanged for a thing that no document names. A logistic regression on the
even questions, and those made of them, gives the weights; printed are, for the odd ones, the AUROC
of the confidence and of the bare cosine of the nearest passage, and what is refused at the
threshold in use.
"""

import argparse
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import numpy.typing as npt

from benchmarks import seeding

Floats = npt.NDArray[np.float64]

FOREIGN = 200  # questions of other sets that are asked of each
EXCHANGED = 4  # of so many answerable questions of each half one is asked with a foreign thing too
THINGS = (
    *("yacht", "giraffe", "trombone", "chandelier", "helicopter", "igloo", "saxophone", "gondola"),
    *("trampoline", "lighthouse", "submarine", "accordion", "penguin", "harpsichord", "walrus"),
)
_SHORTEST = 4  # letters of a word that is exchanged


@dataclass(frozen=True)
class Question:
    """A question that is asked of a set.

    Attributes:
        kind: "own", "foreign" or "exchanged".
        is_fitted: whether the weights are fitted on it; else they are checked on it.
    """

    text: str
    is_answerable: bool
    kind: str
    is_fitted: bool


@dataclass(frozen=True)
class Case:
    """A question and what speaks for an answer to it."""

    question: Question
    evidence: tuple[float, ...]


def main() -> None:
    """Collect the evidence, fit and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = ("squad_dev", "handbook")
    parser.add_argument("folders", type=Path, nargs="*", default=[seeding.DATA / n for n in names])
    parser.add_argument(
        "--check", type=Path, nargs="*", default=[], help="sets that nothing is fitted on"
    )
    parser.add_argument("--cache", type=Path, help="where vectors are kept for another run")
    options = parser.parse_args()
    seeding.start_installation()
    from django.conf import settings
    from sklearn.linear_model import LogisticRegression

    from rag.answerability import EVIDENCE, WEIGHTS

    if options.cache:
        settings.EVALUATION_DIR = options.cache
    own = {folder: read_questions(folder) for folder in (*options.folders, *options.check)}
    fitting = {folder: own[folder] for folder in options.folders}
    sets = {
        folder.name: collect(folder, [*questions, *foreign(folder, fitting)])
        for folder, questions in own.items()
    }
    checked = {folder.name for folder in options.check}
    fitted = [
        case
        for name, cases in sets.items()
        for case in cases
        if case.question.is_fitted and name not in checked
    ]
    rows = np.array([case.evidence[1:] for case in fitted])
    deviation = rows.std(axis=0) + 1e-9
    model = LogisticRegression(C=0.3, max_iter=2_000)
    model.fit(rows / deviation, [case.question.is_answerable for case in fitted])
    weights = np.array([model.intercept_[0], *(model.coef_[0] / deviation)])
    for name, new, now in zip(EVIDENCE, weights, WEIGHTS, strict=True):
        print(f"{name:10} {new:7.2f}   now {now:6.2f}")
    for name, cases in sets.items():
        rest = [case for case in cases if name in checked or not case.question.is_fitted]
        report(name, rest, weights)


def read_questions(folder: Path) -> list[Question]:
    """Return the questions of a set, each with whether its documents answer it."""
    lines = (folder / "qa.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        Question(row["question"], row["answerable"], "own", number % 2 == 0)
        for number, row in enumerate(row for row in rows if row["answerable"] is not None)
    ]


def foreign(folder: Path, own: dict[Path, list[Question]]) -> list[Question]:
    """Return questions of the other sets."""
    others = [q.text for other, questions in own.items() if other != folder for q in questions]
    chosen = others[:: max(1, len(others) // FOREIGN)]
    return [Question(text, False, "foreign", n % 2 == 0) for n, text in enumerate(chosen)]


def exchanged(questions: list[Question], texts: list[str]) -> list[Question]:
    """Return answerable questions with a thing that no text names for their rarest word."""
    from rag.words import STOP_WORDS, stem, words

    frequency = Counter(one for text in texts for one in {stem(word) for word in words(text)})
    things = cycle([thing for thing in THINGS if not frequency[stem(thing)]])
    made = []
    for half in (True, False):
        answerable = [q for q in questions if q.is_answerable and q.is_fitted == half]
        for question in answerable[::EXCHANGED]:
            told = [
                word
                for word in re.findall(r"[A-Za-z]+", question.text)
                if len(word) >= _SHORTEST
                and word.lower() not in STOP_WORDS
                and frequency[stem(word.lower())]
            ]
            if told:
                rarest = min(told, key=lambda word: frequency[stem(word.lower())])
                text = re.sub(rf"\b{rarest}\b", next(things), question.text)
                made.append(Question(text, False, "exchanged", half))
    return made


def collect(folder: Path, questions: list[Question]) -> list[Case]:
    """Ask the folder's documents each question, and return what speaks for an answer."""
    from django.conf import settings

    import rag.sentence_ranking
    from documents.models import DocumentChunk
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
        texts = DocumentChunk.objects.visible_to(place.user).values_list("text", flat=True)
        kept, ranking.evidence = ranking.evidence, take
        try:
            for question in [*questions, *exchanged(questions, list(texts))]:
                text, before = question.text, len(taken)
                found = retrieve(user=place.user, query=text, top_k=settings.RETRIEVAL_TOP_K)
                ranking.rank_sentences(text, found.passages, get_embedder(), found.unknown)
                if len(taken) > before:
                    cases.append(Case(question, taken[-1]))
        finally:
            ranking.evidence = kept
    return cases


def report(name: str, cases: list[Case], weights: Floats) -> None:
    """Print how well the answerable questions are told from the others."""
    from sklearn.metrics import roc_auc_score

    from rag.answerability import EVIDENCE, LEAST_CONFIDENCE, WEIGHTS

    print(name)
    answerable = [case for case in cases if case.question.is_answerable]
    for kind in ("own", "foreign", "exchanged"):
        rest = [c for c in cases if c.question.kind == kind and not c.question.is_answerable]
        if not (answerable and rest):
            continue
        truth = [True] * len(answerable) + [False] * len(rest)
        rows = np.array([case.evidence for case in (*answerable, *rest)])
        scores = {
            "bare cosine": rows[:, EVIDENCE.index("cosine")],
            "weights in use": rows @ np.array(WEIGHTS),
            "these weights": rows @ weights,
        }
        figures = (f"{label} {roc_auc_score(truth, each):.3f}" for label, each in scores.items())
        print(f"  AUROC beside {len(rest)} {kind} ones:", "  ".join(figures))
    least = np.log(LEAST_CONFIDENCE / (1 - LEAST_CONFIDENCE))
    for kind, told in ((k, a) for k in ("own", "foreign", "exchanged") for a in (True, False)):
        chosen = [
            c.evidence for c in cases if (c.question.kind, c.question.is_answerable) == (kind, told)
        ]
        if chosen:
            now, new = (np.mean(np.array(chosen) @ w < least) for w in (np.array(WEIGHTS), weights))
            label = f"{kind}, {'answerable' if told else 'not'}"
            print(f"  {label}: of {len(chosen)} are refused {now:.3f}, with these {new:.3f}")


if __name__ == "__main__":
    main()
