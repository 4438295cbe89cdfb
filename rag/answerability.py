"""How sure it is that the passages hold an answer, and not only something about its subject."""

import math
import re
from collections.abc import Collection, Mapping, Sequence

from rag.answer_cues import ASKING_WORDS, expected_cues
from rag.quantities import lacks_a_value
from rag.retrieval import Passage
from rag.word_matching import Match, QuestionWords
from rag.words import stem

_NAME = re.compile(r"(?<=\W)[A-Z][\w-]+")
_NEGATION = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|neither|nor|without|cannot|unable|failed?)\b|n['\u2019]t\b",
    re.IGNORECASE,
)

EVIDENCE = (
    "bias",
    "cosine",  # of question and nearest passage
    "sentence",  # weight of the question's words, or of like words, in the best sentence
    "pairs",  # neighbouring words of the question that are neighbours in the first passage
    "names",  # share of the question's names that the first passage lacks
    "numbers",  # whether the first passage lacks a number or date of the question
    "no_cue",  # whether it lacks what this kind of question asks for
    "negation",  # whether the question denies something and its best sentence nothing
    "unknown",  # whether no document has a word of it, and no passage one of like meaning
)
# Log-odds, rounded: a logistic regression on 600 answerable and 600 unanswerable questions of a
# part of SQuAD 2.0, 40 that a handbook answers and 406 of foreign subjects. Fitted on either half,
# they told the other half of SQuAD's apart with an AUROC of 0.74; the bare cosine of the nearest
# passage did with 0.61. benchmarks/fit_answerability.py repeats this with other sets.
WEIGHTS = (-3.9, 4.6, 2.2, 0.45, -1.15, -1.7, -0.3, -3.4, -2.0)
# The weight of an unknown word is fitted with the others held, on the same half of SQuAD's part, of
# whose answerable questions each fourth is also asked with a foreign thing for its rarest word:
# -2.06. All fitted anew it comes to -1.8, and tells the other half no better (AUROC 0.76).
# Below it the passages are taken not to answer: 7 % of the answerable questions, 35 % of those that
# SQuAD made to look answerable, 96 % of foreign ones asked of a handbook, and 99 % of those whose
# rarest word was exchanged.
LEAST_CONFIDENCE = 0.23


def confidence(evidence: Sequence[float]) -> float:
    """Return the probability, from 0 to 1, that the passages hold the answer."""
    logit = sum(value * weight for value, weight in zip(evidence, WEIGHTS, strict=True))
    return 1 / (1 + math.exp(-logit))


def evidence(
    question: str,
    passages: Sequence[Passage],
    *,
    best: str,
    cosine: float,
    rarity: Mapping[str, float],
    unknown: Collection[str] = (),
) -> tuple[float, ...]:
    """Return what speaks for an answer, in the order of EVIDENCE.

    Args:
        passages: best first, at least one.
        best: the sentence that is most likely to answer.
        cosine: of the question and the nearest passage.
        rarity: weight of each stem of the question.
        unknown: words of the question that no document of the person's has.
    """
    words = QuestionWords(question, rarity=rarity)
    above = [f"{p.title or p.filename} {p.heading}" for p in passages]
    matches = [words.match(title=a, text=p.content) for a, p in zip(above, passages, strict=True)]
    first, text = passages[0].content, f"{above[0]} {passages[0].content}"
    denies = bool(_NEGATION.search(question)) and not _NEGATION.search(best)
    return (
        1.0,
        cosine,
        max(match.sentence for match in matches),
        matches[0].pairs,
        _lacking(question, text),
        float(lacks_a_value(text, question)),
        float(not all(cue.search(first) for cue in expected_cues(question))),
        float(denies),
        float(
            bool(
                _unheld(words, matches)
                & {stem(word) for word in unknown if word not in ASKING_WORDS}
            )
        ),
    )


def _unheld(words: QuestionWords, matches: Sequence[Match]) -> set[str]:
    """Return the stems of the question that stand in none of the texts, nor one like them."""
    held = zip(*(match.held for match in matches), strict=True)
    return {one for one, by_text in zip(words.stems, held, strict=True) if not any(by_text)}


def _lacking(question: str, text: str) -> float:
    """Return the share of the question's names that a text lacks."""
    names = [name.lower() for name in _NAME.findall(question)]
    text = text.lower()
    return sum(name not in text for name in names) / len(names) if names else 0.0
