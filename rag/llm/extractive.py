"""The offline answerer: the few sentences that best answer the question, copied and cited."""

import asyncio
import re
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from rag.answerability import LEAST_CONFIDENCE
from rag.embedding.counting import counting
from rag.embedding.registry import get_embedder
from rag.listed_rows import ALL, LEAST_SHARE, listed_rows, parallel_rows
from rag.llm.base import DONT_KNOW, ChatDelta, ChatModel, ChatRequest, TokenUsage
from rag.passage_sentences import Candidate, candidate_sentences
from rag.quantities import find_quantities, lacks_a_value, values
from rag.questions import Question, understand, wants_each
from rag.retrieval import Passage
from rag.sentence_ranking import RankedSentence, Ranking, rank_sentences
from rag.table_rows import SEPARATOR
from rag.words import stems

MAX_SENTENCES = 3
MAX_SENTENCE_CHARACTERS = 600
# What a list may have; and for each side of a comparison.
MAX_LISTED = 8
MAX_A_SIDE = 2
# A further sentence must be nearly as good as the first: log-odds below it.
MAX_DROP = 3.0
_SAME = 0.7  # shared stems from which two sentences say the same (Jaccard)
_BRACKETED_NUMBER = re.compile(r"\[(\s*\d[\d\s,;\u2013-]*)\]")
_ENDS = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u201d\u2019)*_]*$")
_MARKUP_AT_START = re.compile(r"^(?:#{1,6}\s+|[-*+\u2022]\s+|>\s+|\|\s*|\d{1,2}[.)]\s+(?=[A-Z]))+")


@dataclass(frozen=True)
class ExtractiveAnswer:
    """The chosen sentences in reading order; none when the passages don't answer.

    Attributes:
        confidence: from 0 to 1, that the passages answer at all.
        is_list: whether each stands on a line of its own.
    """

    sentences: tuple[RankedSentence, ...]
    confidence: float
    is_list: bool = False

    def pieces(self) -> Iterator[str]:
        """Yield the text of the answer with its citations, a sentence at a time."""
        before: RankedSentence | None = None
        for sentence in self.sentences:
            gap = "" if before is None else " " if _follow(before, sentence) else "\n\n"
            if self.is_list:
                gap = "- " if before is None else "\n- "
            yield f"{gap}{readable(sentence.said)} [{sentence.passage + 1}]"
            before = sentence


def _follow(before: RankedSentence, sentence: RankedSentence) -> bool:
    """Tell whether a sentence stands well behind another; a row or an item would run into it."""
    return before.passage == sentence.passage and _ENDS.search(before.said) is not None


class ExtractiveModel(ChatModel):
    """Copies sentences; needs no model server, costs nothing, and can't invent."""

    name = "extractive"
    generates = False

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        # The work is of the processor: in a thread, so that other streams go on.
        with counting() as embedded:
            answer = await asyncio.to_thread(
                extract_answer, request.question, request.passages, request.unknown
            )
        usage = TokenUsage(embedded=embedded)
        yield ChatDelta(usage=usage, confidence=answer.confidence)
        if not answer.sentences:
            yield ChatDelta(DONT_KNOW)
        for piece in answer.pieces():
            yield ChatDelta(piece)


def extract_answer(
    question: str, passages: Sequence[Passage], unknown: Collection[str] = ()
) -> ExtractiveAnswer:
    """Choose at most MAX_SENTENCES sentences that answer the question.

    A list may have MAX_LISTED, or the rows of a table; a comparison has MAX_A_SIDE for each side
    that the passages know, and so has a question that asks two things.
    """
    asked = understand(question)
    most = MAX_A_SIDE if len(asked.subjects) > 1 else MAX_SENTENCES
    if asked.kind == "list":
        most = MAX_LISTED
    embedder = get_embedder()
    rankings = [rank_sentences(subject, passages, embedder, unknown) for subject in asked.subjects]
    sure = max(ranking.confidence for ranking in rankings)
    chosen: list[RankedSentence] = []
    has_rows = False
    sides = _rows_to_compare(asked, passages)
    for subject, ranking, row in zip(asked.subjects, rankings, sides, strict=True):
        is_sure = ranking.confidence >= LEAST_CONFIDENCE
        # A table that has every word of the question answers it, however it is worded.
        share = LEAST_SHARE if is_sure else ALL
        rows = _rows_of_a_table(subject, passages, is_list=asked.kind == "list", least_share=share)
        if rows:
            has_rows, sure = True, max(sure, LEAST_CONFIDENCE)
            chosen += rows
        elif is_sure:
            chosen += row
            chosen += _choose(subject, ranking, most - len(row), besides=[*chosen, *chain(*sides)])
    is_list = (asked.kind == "list" or has_rows) and len(chosen) > 1
    return ExtractiveAnswer(tuple(chosen), sure, is_list)


def _rows_of_a_table(
    subject: str, passages: Sequence[Passage], *, is_list: bool, least_share: float
) -> list[RankedSentence]:
    """Return the rows that answer a question for each thing that fits; empty where none do."""
    if not (is_list or wants_each(subject)):
        return []
    rows = listed_rows(
        subject, candidate_sentences(passages), passages, is_list=is_list, least_share=least_share
    )
    return [_as_sentence(row) for row in rows]


def _rows_to_compare(asked: Question, passages: Sequence[Passage]) -> list[list[RankedSentence]]:
    """Return for each subject the row that is told beside the other's, if a table compares them."""
    if asked.kind == "comparison":
        one, other = asked.subjects
        rows = parallel_rows((one, other), candidate_sentences(passages), passages)
        if rows is not None:
            return [[_as_sentence(row)] for row in rows]
    return [[] for _ in asked.subjects]


def _as_sentence(row: Candidate) -> RankedSentence:
    return RankedSentence(row.passage, row.start, row.end, row.text, row.said, (), 0.0)


def _choose(
    question: str, ranking: Ranking, most: int, *, besides: Sequence[RankedSentence] = ()
) -> list[RankedSentence]:
    """Take the best that differ from each other, then put them in the order of the text.

    Where one has the numbers that were asked about, others without them are beside the point.
    """
    chosen: list[RankedSentence] = []
    lowest = ranking.sentences[0].score - MAX_DROP
    near = [sentence for sentence in ranking.sentences if sentence.score >= lowest]
    for sentence in _with_numbers_of(question, near):
        if len(chosen) == most:
            break
        if not any(_says_the_same(sentence.text, other.text) for other in (*besides, *chosen)):
            chosen.append(sentence)
    # The passage of the best sentence leads; inside one passage the text's own order.
    order = list(dict.fromkeys(s.passage for s in chosen))
    return sorted(chosen, key=lambda s: (order.index(s.passage), s.start))


def _with_numbers_of(
    question: str, sentences: Sequence[RankedSentence]
) -> Sequence[RankedSentence]:
    """Return those with the question's numbers, and what goes on from one; all if none has them."""
    if not values(question):
        return sentences
    exact = [s for s in sentences if _holds_amounts(s.said, question)] or [
        s for s in sentences if not lacks_a_value(s.said, question)
    ]
    if not exact:
        return sentences
    ends = {s.passage: s.end for s in reversed(exact) if SEPARATOR not in s.said}
    return [s for s in sentences if s in exact or s.start >= ends.get(s.passage, s.end)]


def _holds_amounts(text: str, question: str) -> bool:
    """Tell whether a text has the question's numbers with their units, and there are some."""
    asked = [quantity for quantity in find_quantities(question) if quantity.dimension]
    held = [quantity for quantity in find_quantities(text) if quantity.dimension]
    return bool(asked) and all(any(a.equals(h) for h in held) for a in asked)


def _says_the_same(one: str, other: str) -> bool:
    """Tell whether a sentence adds nothing to another; one number more or less is something."""
    if values(one) != values(other):
        return False
    a, b = set(stems(one)), set(stems(other))
    return bool(a | b) and len(a & b) / len(a | b) >= _SAME


def readable(sentence: str) -> str:
    """Return a copied sentence on one line, cut where it is very long.

    A number in brackets is the document's own reference mark: in parentheses it can't be taken
    for one of our citations.
    """
    text = _MARKUP_AT_START.sub("", " ".join(sentence.split()))
    text = _BRACKETED_NUMBER.sub(r"(\1)", text)
    if len(text) > MAX_SENTENCE_CHARACTERS:
        text = text[:MAX_SENTENCE_CHARACTERS].rsplit(" ", 1)[0] + " \u2026"
    return text
