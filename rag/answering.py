"""Passages -> prompt -> stream -> checked citations; writes nothing."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from django.conf import settings

from knowledge.lib.overload import Gate, Limits
from rag.addresses import AddressFilter
from rag.budgets import BudgetExceeded
from rag.citations import CitationFilter, cited_numbers
from rag.conflicts import Conflict, find_conflicts
from rag.embedding.base import Embedder
from rag.embedding.counting import EmbeddingCount, counting
from rag.embedding.registry import get_embedder
from rag.judging import judge, judge_call
from rag.llm.base import DONT_KNOW, ChatMessage, ChatModel, ChatRequest
from rag.llm.metering import MeteredCall
from rag.prompts.loader import Prompt, new_boundary
from rag.retrieval import Passage
from rag.support.checking import check_answer
from rag.support.verdicts import CheckedSentence


def _limits() -> Limits:
    return Limits(settings.ANSWER_PLACES, settings.ANSWER_QUEUE, settings.ANSWER_WAIT_S)


# Answers that are being written in this process, streamed or not.
answer_gate = Gate("answers", _limits)


_NOT_KNOWING = ("i don't know", "i don\u2019t know", "i do not know")


@dataclass(frozen=True)
class Answer:
    """What was answered, checked against the passages.

    Attributes:
        text: with citations `[n]` of existing passages only.
        cited: the numbers, in order of first appearance.
        grounded: whether passages say at least one sentence.
        sentences: those that claim something, each with its verdict.
        confidence: from 0 to 1, how sure it is that the passages answer; None where the model
            tells none, or was not asked.
        conflicts: what passages contradict each other on, where the answer takes one of them.
    """

    text: str
    cited: tuple[int, ...] = ()
    grounded: bool = False
    sentences: tuple[CheckedSentence, ...] = ()
    confidence: float | None = None
    conflicts: tuple[Conflict, ...] = ()


class AnswerStream:
    """One answer being written; what has come so far can be read at any time.

    Args:
        question: as searched, understandable alone.
        passages: best first; what doesn't fit the model's budget is left out.
        prompt: for a model that reads one.
        unknown: words of the question that none of the person's documents has.
        admit: asked before each model call is begun; raises BudgetExceeded where one may not be.
        hint: what to say behind "I don't know".

    Attributes:
        passages: those that the model gets.
        call: the model call, to be metered; None when there was nothing to ask a model about.
        judging: the model call that judged the answer, if one was asked to.
        embedded: what was embedded to check the answer.
        prompt: the one that was used; None for a model that reads none.
    """

    def __init__(
        self,
        *,
        question: str,
        passages: Sequence[Passage],
        model: ChatModel,
        prompt: Prompt,
        unknown: frozenset[str] = frozenset(),
        admit: Callable[[MeteredCall], Awaitable[None]] | None = None,
        hint: str = "",
    ) -> None:
        self.passages = within_budget(passages)
        self.embedded = EmbeddingCount()
        self._admit = admit or _admit_all
        self.call: MeteredCall | None = None
        self.judging: MeteredCall | None = None
        self._model = model
        self.prompt = prompt if self.passages and model.generates else None
        self._question = question
        self._unknown = unknown
        self._citations = CitationFilter(len(self.passages))
        self._addresses = AddressFilter(passage.content for passage in self.passages)
        self._text = ""
        self._hint = f" {hint}" if hint else ""
        if self.passages:
            request = self._request(question)
            self.call = MeteredCall(model, request, feature="chat")

    async def pieces(self) -> AsyncGenerator[str, None]:
        """Yield what may be shown, piece by piece; closing the iterator ends the model call.

        Raises:
            ModelUnavailable: the model failed; what came before stays readable.
            BudgetExceeded: the call was not begun.
        """
        if self.call is None:
            self._text = f"{DONT_KNOW}{self._hint}"
            yield self._text
            return
        await self._admit(self.call)
        async with aclosing(self.call.stream()) as stream:
            async for text in stream:
                if shown := self._take(self._addresses.feed(self._citations.feed(text))):
                    yield shown
        rest = self._addresses.feed(self._citations.finish()) + self._addresses.finish()
        if shown := self._take(rest):
            yield shown
        if self._hint and says_not_knowing(self._text):
            yield self._take(self._hint)

    def so_far(self) -> Answer:
        """Return what there is of an answer that was stopped or failed on its way."""
        return self._with_confidence(_checked(self._text, self.passages))

    async def conclude(self) -> Answer:
        """Return the complete answer; one that no passage supports becomes "I don't know"."""
        # The work is of the processor: in a thread, so that other streams go on.
        with counting() as self.embedded:
            answer = await asyncio.to_thread(_checked, self._text, self.passages, get_embedder())
            if settings.LLM_JUDGE:
                answer = await self._judged(answer)
            if answer.grounded:
                answer = await asyncio.to_thread(self._with_conflicts, answer)
        if not (answer.grounded or says_not_knowing(answer.text)):
            answer = Answer(f"{DONT_KNOW}{self._hint}")
        return self._with_confidence(answer)

    def _with_confidence(self, answer: Answer) -> Answer:
        return replace(answer, confidence=self.call.confidence) if self.call else answer

    def _with_conflicts(self, answer: Answer) -> Answer:
        taken = [quote for sentence in answer.sentences for quote in sentence.quotes]
        found = find_conflicts(self._question, self.passages, get_embedder(), taken=taken)
        # A model may name no passage for what it took of one.
        rests_on = {*answer.cited, *(quote.n for quote in taken)}
        told = (c for c in found if any(said.n in rests_on for said in c.statements))
        return replace(answer, conflicts=tuple(told))

    async def _judged(self, answer: Answer) -> Answer:
        shown = format_passages(self.passages)
        self.judging = judge_call(answer.text, answer.sentences, shown, self._model)
        if self.judging is not None:
            try:
                await self._admit(self.judging)
            except BudgetExceeded:
                self.judging = None  # the words alone decide
        if self.judging is None:
            return answer
        return _answer(answer.text, await judge(self.judging, answer.sentences))

    def _take(self, shown: str) -> str:
        if not self._text:
            shown = shown.lstrip()
        self._text += shown
        return shown

    def _request(self, question: str) -> ChatRequest:
        messages: tuple[ChatMessage, ...] = ()
        if self.prompt is not None:
            messages = self.prompt.render(
                question=question,
                passages=format_passages(self.passages),
                boundary=new_boundary(),
                dont_know=DONT_KNOW,
            )
        return ChatRequest(
            messages,
            question,
            tuple(self.passages),
            settings.LLM_MAX_TOKENS,
            unknown=self._unknown,
        )


async def _admit_all(call: MeteredCall) -> None:
    """Let every call be begun."""


def within_budget(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return the first passages, up to LLM_CONTEXT_CHARACTERS together; the first one always."""
    kept: list[Passage] = []
    left = settings.LLM_CONTEXT_CHARACTERS
    for passage in passages:
        left -= len(passage.lead) + len(passage.content)
        if kept and left < 0:
            break
        kept.append(passage)
    return tuple(kept)


def format_passages(passages: Sequence[Passage]) -> str:
    """Number the passages as they are cited, each with where it stands."""
    return "\n\n".join(
        f"[{number}] {_origin(passage)}\n{passage.lead}{passage.content}"
        for number, passage in enumerate(passages, start=1)
    )


def _origin(passage: Passage) -> str:
    heading = f", {passage.heading}" if passage.heading else ""
    return f"{passage.filename}, page {passage.page}{heading}"


def _checked(text: str, passages: Sequence[Passage], embedder: Embedder | None = None) -> Answer:
    text = text.strip()
    if not text or says_not_knowing(text):
        return Answer(text)
    return _answer(text, check_answer(text, passages, embedder))


def _answer(text: str, sentences: tuple[CheckedSentence, ...]) -> Answer:
    is_grounded = any(sentence.is_said for sentence in sentences)
    return Answer(text, cited_numbers(text), is_grounded, sentences)


def says_not_knowing(text: str) -> bool:
    """Tell whether an answer is that there is none."""
    return text.casefold().startswith(_NOT_KNOWING)
