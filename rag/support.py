"""Whether the passages say what a sentence of an answer says."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.citations import cited_numbers
from rag.retrieval import Passage
from rag.words import numbers, stems

# Part of a sentence's stems that its passages must hold. A paraphrase keeps about half of them; a
# sentence that names no passage has to be nearly a copy of one.
_CITED_SHARE = 0.5
_UNCITED_SHARE = 0.9
_FEWEST_STEMS = 2  # "Yes." and "It is as follows:" claim nothing that could be checked

_SENTENCE = re.compile(r"[^\n]+?(?:[.!?][\"'\u201d\u2019)]*(?:\s*\[\d+\])*(?=\s|$)|(?=\n|$))")
_CITATION = re.compile(r"\[\d+\]")


def answer_sentences(answer: str) -> list[tuple[int, int]]:
    """Return the span of each sentence of an answer, its citations included."""
    spans = []
    for match in _SENTENCE.finditer(answer):
        lead = len(match[0]) - len(match[0].lstrip())
        if match[0].strip():
            spans.append((match.start() + lead, match.start() + len(match[0].rstrip())))
    return spans


def check_support(
    answer: str, passages: Sequence[Passage]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the spans of the sentences that passages support, and of those that none does.

    Args:
        answer: with checked citations; [n] is passages[n - 1].
    """
    texts = [f"{passage.title} {passage.heading} {passage.content}" for passage in passages]
    held = [_Content(frozenset(stems(text)), numbers(text)) for text in texts]
    supported: list[tuple[int, int]] = []
    unsupported: list[tuple[int, int]] = []
    for start, end in answer_sentences(answer):
        sentence = answer[start:end]
        words = _CITATION.sub(" ", sentence)
        claim = _Content(frozenset(stems(words)), numbers(words))
        if len(claim.stems) < _FEWEST_STEMS and not claim.numbers:
            continue
        if cited := cited_numbers(sentence):
            # What a sentence names together, supports it together.
            together = _Content(
                frozenset().union(*(held[n - 1].stems for n in cited)),
                frozenset().union(*(held[n - 1].numbers for n in cited)),
            )
            is_supported = _holds(together, claim, _CITED_SHARE)
        else:
            is_supported = any(_holds(one, claim, _UNCITED_SHARE) for one in held)
        (supported if is_supported else unsupported).append((start, end))
    return supported, unsupported


@dataclass(frozen=True)
class _Content:
    stems: frozenset[str]
    numbers: frozenset[str]


def _holds(passage: _Content, claim: _Content, share: float) -> bool:
    if not claim.numbers <= passage.numbers:
        return False
    return not claim.stems or len(claim.stems & passage.stems) / len(claim.stems) >= share
