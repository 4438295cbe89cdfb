"""Which sentences of the passages answer the question best, and how sure that is."""

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rag.answer_cues import expected_cues
from rag.answerability import confidence, evidence
from rag.embedding.base import Embedder
from rag.joined_words import JoinedWords, joined_words
from rag.passage_sentences import Candidate, candidate_sentences
from rag.retrieval import Passage
from rag.words import stems, words

MAX_EMBEDDED = 32  # sentences; one batch of this size takes some 100 ms of one thread

# Lines about the document itself: the heading above them is not what they speak of.
_METADATA = re.compile(r"(?i:(?:last )?(?:updated|modified|reviewed|changed)\b|version\b|owner\b)")


@dataclass(frozen=True)
class RankedSentence:
    """A sentence of a passage, with what speaks for it.

    Attributes:
        passage: index of its passage, from 0.
        start, end: characters into the passage's content.
        said: the text as it is understood alone: a row of a table with the names of its columns.
        features: in the order of FEATURES.
        score: log-odds that it holds the answer.
    """

    passage: int
    start: int
    end: int
    text: str
    said: str
    features: tuple[float, ...]
    score: float


@dataclass(frozen=True)
class Ranking:
    """The sentences, best first, and how sure it is that the passages hold the answer at all.

    Attributes:
        confidence: from 0 to 1.
    """

    sentences: tuple[RankedSentence, ...]
    confidence: float


FEATURES = (
    "coverage",  # weight of the question's stems in the sentence
    "context",  # the same in the sentence, the ones before it, its heading and title
    "pairs",  # neighbouring stems of the question that are neighbours in the sentence
    "cosine",  # question and sentence
    "passage_cosine",  # question and passage
    "rank",  # 1 / rank of the passage
    "cue",  # holds what this kind of question asks for
    "no_cue",  # does not
    "length",  # log of characters
    "asks",  # is itself a question
    "after_question",  # follows a question
    "new_words",  # share of words beyond the question's
)


def rank_sentences(
    question: str,
    passages: Sequence[Passage],
    embedder: Embedder,
    unknown: Collection[str] = (),
) -> Ranking:
    """Score the sentences of the passages against the question.

    Args:
        passages: best first; their order is a feature.
        embedder: compares meanings; asked once for at most MAX_EMBEDDED sentences.
        unknown: words of the question that no document has.
    """
    candidates = candidate_sentences(passages)
    asked = list(dict.fromkeys(stems(question))) or list(dict.fromkeys(words(question)))
    joined = joined_words(question, passages)
    if joined.pairs:
        asked = [one for one in asked if one not in joined.parts] + list(joined.pairs)
        for candidate in candidates:
            _note(candidate, passages[candidate.passage], joined)
    candidates = [c for c in candidates if _adds_something(c, asked)]
    if not candidates or not asked:
        return Ranking((), 0.0)
    weights = _weights(asked, candidates)
    chosen = _most_promising(candidates, asked, weights)
    _embed(question, chosen, embedder)
    ranked = sorted(
        (
            _ranked(c, row, asked)
            for c, row in zip(
                chosen, _features(question, asked, weights, chosen, passages), strict=True
            )
        ),
        key=lambda sentence: -sentence.score,
    )
    known = [passage.similarity for passage in passages if passage.similarity is not None]
    cosine = max(known or [candidate.cosine for candidate in chosen])
    reasons = evidence(
        question, passages, best=ranked[0].text, cosine=cosine, rarity=weights, unknown=unknown
    )
    return Ranking(tuple(ranked), confidence(reasons))


def _weights(asked: Sequence[str], candidates: Sequence[Candidate]) -> dict[str, float]:
    """Return how much each stem of the question tells: one that few sentences hold tells more."""
    count = len(candidates)
    held = Counter(s for c in candidates for s in set(c.stems))
    return {s: math.log(1 + (count - held[s] + 0.5) / (held[s] + 0.5)) + 0.3 for s in asked}


def _share(held: set[str], weights: dict[str, float]) -> float:
    return sum(w for s, w in weights.items() if s in held) / sum(weights.values())


def _most_promising(
    candidates: list[Candidate], asked: Sequence[str], weights: dict[str, float]
) -> list[Candidate]:
    """Return the sentences worth an embedding: by shared words, and of the first passages."""
    if len(candidates) <= MAX_EMBEDDED:
        return candidates

    def promise(c: Candidate) -> float:
        own = _share(set(c.stems), weights)
        around = _share(set(c.stems) | set(c.before), weights)
        return own + 0.5 * around + 0.8 / (1 + c.passage)

    best = sorted(candidates, key=promise, reverse=True)[:MAX_EMBEDDED]
    return sorted(best, key=lambda c: (c.passage, c.start))


def _embed(question: str, candidates: Sequence[Candidate], embedder: Embedder) -> None:
    # A step or a table row often makes sense only under its heading.
    texts = [
        f"{c.heading}: {c.text}" if c.heading and not _METADATA.match(c.text) else c.text
        for c in candidates
    ]
    vectors = embedder.embed_passages(texts, for_question=True)
    for candidate, cosine in zip(
        candidates, (vectors @ embedder.embed_query(question)).tolist(), strict=True
    ):
        candidate.cosine = cosine


def _features(
    question: str,
    asked: Sequence[str],
    weights: dict[str, float],
    candidates: Sequence[Candidate],
    passages: Sequence[Passage],
) -> list[tuple[float, ...]]:
    pairs = set(pairwise(asked))
    expected = expected_cues(question)
    titles = [set(stems(f"{p.title} {p.heading} {_stem_of(p.filename)}")) for p in passages]
    best_in_passage = [0.0] * len(passages)
    for c in candidates:
        best_in_passage[c.passage] = max(best_in_passage[c.passage], c.cosine)
    coverages = [_share(set(c.stems), weights) for c in candidates]
    rows: list[tuple[float, ...]] = []
    for c, coverage in zip(candidates, coverages, strict=True):
        passage = passages[c.passage]
        own = set(c.stems)
        held_pairs = pairs & set(pairwise(c.stems))
        cue = all(e.search(c.text) for e in expected) if expected else None
        similarity = passage.similarity
        rows.append(
            (
                coverage,
                _share(own | set(c.before) | titles[c.passage], weights),
                len(held_pairs) / len(pairs) if pairs else 0.0,
                c.cosine,
                best_in_passage[c.passage] if similarity is None else similarity,
                1 / (1 + c.passage),
                float(cue is True),
                float(cue is False),
                math.log(len(c.text)),
                float(c.asks),
                float(c.after_question),
                len(own - set(asked)) / (len(own) or 1),
            )
        )
    return rows


def _needs_heading(c: Candidate, asked: Sequence[str]) -> bool:
    """Tell whether the heading right above says which of several things a sentence speaks of."""
    if c.cells or c.heading.endswith("?") or not c.text[0].isalpha():
        return False
    above = set(stems(c.heading))
    return c.is_entry or bool(above & set(asked) - set(c.stems) and set(asked) - above)


def _note(c: Candidate, passage: Passage, joined: JoinedWords) -> None:
    """Count the pairs of words among a sentence's own, and among those around it."""
    c.stems += joined.found_in(c.text)
    c.before += joined.found_in(f"{passage.title} {passage.heading} {passage.filename} {c.heading}")


def _adds_something(c: Candidate, asked: Sequence[str]) -> bool:
    """Tell whether it is more than words of the question, as a term alone on its line is."""
    return c.text.rstrip("*_ ")[-1] in ".!?" or bool(set(c.stems) - set(asked))


def _ranked(c: Candidate, features: tuple[float, ...], asked: Sequence[str]) -> RankedSentence:
    score = _dot(features, SENTENCE_WEIGHTS)
    if c.below is not None and set(stems(c.heading)) == set(asked):
        score += _ENTRY
    if c.below is None or not _needs_heading(c, asked):
        return RankedSentence(c.passage, c.start, c.end, c.text, c.said, features, score)
    # "No parking of our own." is understood by the heading above it: "Porto".
    said = f"{c.heading.strip('# ')}: {c.said}"
    return RankedSentence(c.passage, c.below, c.end, c.text, said, features, score)


def _stem_of(filename: str) -> str:
    return filename.rsplit(".", 1)[0].replace("-", " ").replace("_", " ")


def _dot(values: Sequence[float], weights: Sequence[float]) -> float:
    return float(np.dot(values, weights))


# The explanation of the very term that is asked about; such are not among what was fitted on.
_ENTRY = 2.0
# Log-odds, rounded: fitted by a listwise logistic regression on which sentence of the retrieved
# passages held the answer, on the first 300 answerable questions of a part of SQuAD 2.0. On the
# other half the three best sentences held the answer nine times in ten.
SENTENCE_WEIGHTS = (2.6, 3.9, 0.9, 7.7, 2.9, 0.8, 1.3, -0.9, 0.35, -1.5, 0.0, 0.8)
