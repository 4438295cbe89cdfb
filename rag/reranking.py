"""The second stage: the best of what both indexes found, compared with the question word by word.

A linear model over a few features that a person can read. It costs some milliseconds and no call
of a model.
"""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answer_cues import expected_cues
from rag.word_matching import Match, QuestionWords

# How many of the fused hits are compared.
RERANKED = 40
# Of a question with more words, a whole paragraph at last, a text is near that holds a few of them:
# word for word it tells less the longer it is.
_USUAL_WORDS = 12
# Chunks so near to each other in a document are read together.
_NEIGHBOURS = 2


@dataclass(frozen=True)
class Candidate:
    """A chunk that may answer.

    Attributes:
        index: its number in the document.
        above: title and headings.
        cosine: of question and chunk.
        words: score in the index of words, as a share of the best one's.
    """

    document_id: uuid.UUID
    index: int
    above: str
    text: str
    cosine: float
    words: float


FEATURES = (
    "cosine",
    "cosine_share",  # of the nearest candidate's
    "words",  # score in the index of words, as a share of the best one's
    "sentence",  # weight of the question's words, or of like words, in its best sentence
    "around",  # the same in the chunk and in the candidates beside it in the document
    "pairs",  # neighbouring words of the question that are neighbours in the chunk
    "missing",  # weight of the weightiest missing word
    "no_cue",  # lacks what this kind of question asks for: a number, a date, an address
    "title",  # weight of the question's words in its document's title and its headings
)
# Log-odds, rounded: a listwise logistic regression on three sets of unlike kind, each of equal
# weight: SciFact's claims and abstracts, questions and paragraphs of SQuAD, and a handbook. Fitted
# on two of them alone, they ranked the third better than the first stage did, each time: nDCG@10
# higher by 0.01 to 0.02. benchmarks/fit_reranking.py repeats this with other sets. The weight of
# the title, and 2.0 more for the cosine than was fitted, are of a comparison on twelve further
# sets, from glosses and titles to whole paragraphs as questions: on none of the fifteen is the
# order worse than that of the better index alone; it is better by 0.023 on average.
WEIGHTS = (6.9, 3.7, 1.9, 2.2, 3.5, 1.8, -0.9, -1.7, 2.0)


def features(question: QuestionWords, candidates: Sequence[Candidate]) -> list[tuple[float, ...]]:
    """Return what speaks for each candidate, in the order of FEATURES."""
    matches = [question.match(title=c.above, text=c.text) for c in candidates]
    nearest = max((c.cosine for c in candidates), default=0.0)
    cues = expected_cues(question.text)
    documents: dict[uuid.UUID, list[tuple[int, Match]]] = defaultdict(list)
    for candidate, match in zip(candidates, matches, strict=True):
        documents[candidate.document_id].append((candidate.index, match))
    telling = min(1.0, _USUAL_WORDS / max(1, len(question.stems)))
    rows: list[tuple[float, ...]] = []
    for candidate, match in zip(candidates, matches, strict=True):
        siblings = documents[candidate.document_id]
        beside = [m.held for at, m in siblings if abs(at - candidate.index) <= _NEIGHBOURS]
        rows.append(
            (
                candidate.cosine,
                candidate.cosine / nearest if nearest > 0 else 0.0,
                candidate.words,
                telling * match.sentence,
                telling * question.share([max(held) for held in zip(*beside, strict=True)]),
                telling * match.pairs,
                telling * match.missing,
                float(not all(cue.search(candidate.text) for cue in cues)),
                telling * match.title,
            )
        )
    return rows


def rerank(question: QuestionWords, candidates: Sequence[Candidate]) -> list[float]:
    """Return for each candidate how well it answers: log-odds, comparable inside one result."""
    return [
        sum(value * weight for value, weight in zip(row, WEIGHTS, strict=True))
        for row in features(question, candidates)
    ]
