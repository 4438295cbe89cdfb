"""The offline answerer: the few sentences that best answer the question, copied and cited."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from rag.conflicts import Conflict, find_conflicts
from rag.embedding.counting import counting
from rag.embedding.registry import get_embedder
from rag.llm.base import DONT_KNOW, ChatDelta, ChatModel, ChatRequest, TokenUsage
from rag.retrieval import Passage
from rag.sentence_ranking import RankedSentence, Ranking, rank_sentences
from rag.words import stems

MAX_SENTENCES = 3
MAX_SENTENCE_CHARACTERS = 600
# Below this confidence it doesn't answer. Chosen where it refused 2 % of the answerable questions
# of the development half (0.5 % of the other half), and 93 % of those of a foreign subject.
MIN_CONFIDENCE = 0.15
# A further sentence must be nearly as good as the first: log-odds below it.
MAX_DROP = 3.0
_SAME = 0.7  # shared stems from which two sentences say the same (Jaccard)
_BRACKETED_NUMBER = re.compile(r"\[(\s*\d[\d\s,;\u2013-]*)\]")
_MARKUP_AT_START = re.compile(r"^(?:#{1,6}\s+|[-*+\u2022]\s+|>\s+|\|\s*|\d{1,2}[.)]\s+(?=[A-Z]))+")


@dataclass(frozen=True)
class ExtractiveAnswer:
    """The chosen sentences in reading order; none when the passages don't answer."""

    sentences: tuple[RankedSentence, ...]
    confidence: float


class ExtractiveModel(ChatModel):
    """Copies sentences; needs no model server, costs nothing, and can't invent."""

    name = "extractive"
    generates = False

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        # The work is of the processor: in a thread, so that other streams go on.
        with counting() as embedded:
            answer = await asyncio.to_thread(extract_answer, request.question, request.passages)
        usage = TokenUsage(embedded=embedded)
        yield ChatDelta(usage=usage, confidence=answer.confidence)
        if not answer.sentences:
            yield ChatDelta(DONT_KNOW)
        before: RankedSentence | None = None
        for sentence in answer.sentences:
            gap = "" if before is None else " " if before.passage == sentence.passage else "\n\n"
            yield ChatDelta(f"{gap}{readable(sentence.text)} [{sentence.passage + 1}]")
            before = sentence


def extract_answer(question: str, passages: Sequence[Passage]) -> ExtractiveAnswer:
    """Choose at most MAX_SENTENCES sentences that answer the question."""
    ranking = rank_sentences(question, passages, get_embedder())
    if ranking.confidence < MIN_CONFIDENCE:
        return ExtractiveAnswer((), ranking.confidence)
    chosen = _choose(ranking)
    conflicts = find_conflicts(question, passages, get_embedder())
    return ExtractiveAnswer(
        tuple(_with_every_side(chosen, ranking, passages, conflicts)), ranking.confidence
    )


def _choose(ranking: Ranking) -> list[RankedSentence]:
    """Take the best that differ from each other, then put them in the order of the text."""
    chosen: list[RankedSentence] = []
    for sentence in ranking.sentences:
        if len(chosen) == MAX_SENTENCES or sentence.score < ranking.sentences[0].score - MAX_DROP:
            break
        if not any(_says_the_same(sentence.text, other.text) for other in chosen):
            chosen.append(sentence)
    # The passage of the best sentence leads; inside one passage the text's own order.
    order = list(dict.fromkeys(s.passage for s in chosen))
    return sorted(chosen, key=lambda s: (order.index(s.passage), s.start))


def _with_every_side(
    chosen: list[RankedSentence],
    ranking: Ranking,
    passages: Sequence[Passage],
    conflicts: Sequence[Conflict],
) -> list[RankedSentence]:
    """Let the answer say what each document says, the newest first, where they contradict it."""
    place = {(s.passage + 1, passages[s.passage].start + s.start): s for s in ranking.sentences}
    for conflict in conflicts:
        sides = [s for said in conflict.statements if (s := place.get((said.n, said.start)))]
        if len(sides) > 1 and any(side in chosen for side in sides):
            kept = [sentence for sentence in chosen if sentence not in sides]
            return [*sides, *kept][: max(MAX_SENTENCES, len(sides))]
    return chosen


def _says_the_same(one: str, other: str) -> bool:
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
