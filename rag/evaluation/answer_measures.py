"""How good an answer is, and how good many are."""

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rag.evaluation.located_quotes import find_quote

_CITATION = re.compile(r"\s*\[\d{1,4}\]")
_ARTICLES = frozenset({"a", "an", "the"})
_WORD = re.compile(r"\w+")

CONTRADICTION = "contradiction"
"""The kind of questions on which documents of the set contradict each other."""

Metrics = dict[str, float | None]


@dataclass(frozen=True)
class AnswerOutcome:
    """What became of one question; a measure is None where it says nothing about the question.

    Attributes:
        answer: as it was shown.
        abstained: whether it said that it does not know.
        is_right: a gold answer, or the quote, stands in the answer.
        f1: of words with the nearest gold answer.
        cited_right: share of the cited passages that overlap the evidence.
        evidence_cited: share of the evidence that a cited passage overlaps.
        page_right: a page of the evidence is cited.
        evidence_found: the evidence is among the passages that the answerer was given.
        sentences: statuses of the sentences that claim something.
        contradictions: how many were pointed out.
        holds_sentence: share of the cited passages that hold the very sentence they are cited for.
        error: why there is no answer.
    """

    id: str
    question: str
    kind: str
    is_answerable: bool | None
    answer: str
    expected: Sequence[str]
    abstained: bool
    confidence: float | None = None
    is_right: bool | None = None
    f1: float | None = None
    cited_right: float | None = None
    evidence_cited: float | None = None
    page_right: bool | None = None
    evidence_found: float | None = None
    sentences: Mapping[str, int] = field(default_factory=dict)
    holds_sentence: float | None = None
    contradictions: int | None = None
    ms: int = 0
    tokens: int = 0
    cost: float = 0.0
    error: str = ""

    def without_words(self, question: str) -> "AnswerOutcome":
        """Return the measures alone, with a question that may be shown."""
        return replace(self, question=question, answer="", expected=())

    def as_kept(self) -> dict[str, Any]:
        """Return as JSON what is not in columns of its own."""
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in ("id", "question") and value not in (None, "", {}, ())
        }

    @property
    def is_as_expected(self) -> bool:
        """Whether it did what was expected: answered right, or said that it does not know."""
        if self.error:
            return False
        if self.is_answerable is None:
            return not self.abstained
        if not self.is_answerable:
            return self.abstained
        # Where only the document is known, an answer that cites it is taken to be right.
        return bool(self.evidence_cited if self.is_right is None else self.is_right)


def plain(answer: str) -> str:
    """Return an answer without its citations."""
    return _CITATION.sub("", answer)


def holds_answer(answer: str, expected: Sequence[str], quotes: Iterable[str]) -> bool:
    """Tell whether a gold answer, or a quote, stands in the answer."""
    words = f" {' '.join(_normal(answer))} "
    if any(f" {' '.join(_normal(gold))} " in words for gold in expected if _normal(gold)):
        return True
    return any(quote and find_quote(quote, answer) for quote in quotes)


def word_f1(answer: str, expected: Sequence[str]) -> float:
    """Return the F1 of words with the nearest gold answer, as SQuAD counts it."""
    given = Counter(_normal(answer))
    best = 0.0
    for gold in expected:
        wanted = Counter(_normal(gold))
        shared = (given & wanted).total()
        if shared:
            best = max(best, 2 * shared / (given.total() + wanted.total()))
    return best


def _normal(text: str) -> list[str]:
    """Return the words, as SQuAD normalizes: small letters, no punctuation, no articles."""
    return [word for word in _WORD.findall(text.lower()) if word not in _ARTICLES]


def summarize(outcomes: Sequence[AnswerOutcome]) -> Metrics:
    """Return the metrics over all questions, 0 to 1 but for times, tokens and costs.

    None where there is nothing to measure.
    """
    answerable = [each for each in outcomes if each.is_answerable]
    unanswerable = [each for each in outcomes if each.is_answerable is False]
    others = [each for each in outcomes if each.is_answerable is None]
    abstained = [each for each in [*answerable, *unanswerable] if each.abstained]
    statuses: Counter[str] = Counter()
    for each in outcomes:
        statuses.update(each.sentences)
    return {
        "as_expected": _share(each.is_as_expected for each in outcomes),
        "answer_recall": _share(each.is_right for each in answerable),
        "answer_f1": _mean(each.f1 for each in answerable),
        "evidence_recall": _mean(each.evidence_found for each in answerable),
        "citation_precision": _mean(each.cited_right for each in answerable),
        "citation_recall": _mean(each.evidence_cited for each in answerable),
        "page_accuracy": _share(each.page_right for each in answerable),
        "abstention_precision": _share(each.is_answerable is False for each in abstained),
        "abstention_recall": _share(each.abstained for each in unanswerable),
        "abstention_auroc": auroc(
            [each.confidence for each in answerable], [each.confidence for each in unanswerable]
        ),
        "no_question": _share(each.is_as_expected for each in others),
        **{
            f"sentences_{status}": statuses[status] / statuses.total() if statuses else None
            for status in ("supported", "weak", "unsupported")
        },
        "citation_holds_sentence": _mean(each.holds_sentence for each in outcomes),
        "contradictions_told": _share(
            bool(each.contradictions) for each in outcomes if each.kind == CONTRADICTION
        ),
        "contradictions_elsewhere": _share(
            bool(each.contradictions) for each in outcomes if each.kind != CONTRADICTION
        ),
        "errors": _share(bool(each.error) for each in outcomes),
        "tokens": float(sum(each.tokens for each in outcomes)),
        "cost": sum(each.cost for each in outcomes),
    }


def auroc(positive: Iterable[float | None], negative: Iterable[float | None]) -> float | None:
    """Return how often a positive one is higher than a negative one (a tie counts half).

    None when either is empty: a model that tells no confidence has none.
    """
    high = [value for value in positive if value is not None]
    low = [value for value in negative if value is not None]
    if not (high and low):
        return None
    won = sum((one > other) + 0.5 * (one == other) for one in high for other in low)
    return won / (len(high) * len(low))


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _share(values: Iterable[bool | None]) -> float | None:
    return _mean(None if value is None else float(value) for value in values)
