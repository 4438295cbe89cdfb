"""Makes a follow-up question understandable alone, before it is searched."""

import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from django.conf import settings

from rag.llm.base import ChatModel, ChatRequest
from rag.llm.metering import MeteredCall
from rag.prompts.loader import Prompt, new_boundary
from rag.words import STOP_WORDS, stem, stems, words

_MAX_TOPIC_WORDS = 12
_MAX_ANSWER_CHARACTERS = 600  # of a past answer, in the prompt
_MAX_TOKENS = 120
_TIMEOUT_S = 30.0  # the rule is good enough for nobody to wait longer
_MAX_GROWTH = 400  # characters; a longer rewording is an answer or a mishap

_OPENING = re.compile(
    r"(?:and|or|but|also|then|so)\b(?! (?:on|forth))|(?:what|how) about\b|what if\b|same\b|"
    r"(?:is|was|does|did|would|will) that\b|"
    r"(?:why|why not|how so|how|when|where|who|how much|how many|how long|since when)\s*\??$",
    re.IGNORECASE,
)
_ELLIPSIS = re.compile(
    r"(?:for|in|on|at|with|without|from|by|to|if|is|are|does|do|can|how|why|when|where|who|which)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"\b(?:it|they|them|he|she|him|those|these|the (?:same|latter|former))\b")
_POSSESSIVE = re.compile(r"\b(?:its|their|his|her)\b")
_POINTER = re.compile(
    r"\b(?:this|that|there)\s*(?:[?.,!]|$)|\bth(?:at|is) one\b|\b(?:about|for|of|to|in|with|from|"
    r"after|before|by|does|is|was|did|do|mean)\s+th(?:at|is)\b(?!\s+\w+\s+\w+)"
)
# They follow "how" and name nothing that a pronoun could mean.
_MEASURES = frozenset({"long", "often", "far", "old", "soon", "big", "high", "early", "late"})


@dataclass(frozen=True)
class PastTurn:
    """A question asked before.

    Attributes:
        searched: the question as it was understood.
        answer: None when the person may no longer read what it rests on.
    """

    question: str
    searched: str
    answer: str | None


def is_follow_up(question: str) -> bool:
    """Tell whether a question leans on the one before it: by a pronoun or by what it lacks."""
    said = question.strip().lower()
    if _OPENING.match(said) or _POINTER.search(said):
        return True
    content = _stems_of(said)
    if not content or (len(content) == 1 and _ELLIPSIS.match(said)):
        return True
    # A pronoun may mean something inside the question: "How do I claim costs, who approves them?"
    return any(
        len(_stems_of(said[: match.start()])) <= most
        for pattern, most in ((_PRONOUN, 1), (_POSSESSIVE, 0))
        for match in pattern.finditer(said)
    )


def _stems_of(said: str) -> list[str]:
    return [s for s in stems(said) if s not in _MEASURES]


def condense_by_rule(question: str, history: Sequence[PastTurn]) -> str:
    """Add the words of the question before to a follow-up; another question stays as it is."""
    if not history or not is_follow_up(question):
        return question
    own = set(stems(question))
    topic = [
        word
        for word in dict.fromkeys(words(history[-1].searched))
        if word not in STOP_WORDS and stem(word) not in own
    ][:_MAX_TOPIC_WORDS]
    condensed = f"{question} ({' '.join(topic)})" if topic else question
    return condensed if len(condensed) <= settings.MAX_QUERY_CHARACTERS else question


def condense_call(
    question: str, history: Sequence[PastTurn], model: ChatModel, prompt: Prompt
) -> MeteredCall:
    """Return the model call that rewords the question."""
    messages = prompt.render(question=question, history=_format(history), boundary=new_boundary())
    request = ChatRequest(messages, question, (), _MAX_TOKENS, timeout_s=_TIMEOUT_S)
    return MeteredCall(model, request, feature="condense")


async def condense_by_model(call: MeteredCall, question: str, history: Sequence[PastTurn]) -> str:
    """Return the model's rewording where it is one, else that of the rule.

    Raises:
        ModelUnavailable: the model failed.
    """
    async with aclosing(call.stream()) as stream:
        async for _ in stream:
            if len(call.text) > len(question) + _MAX_GROWTH:
                break
    reworded = " ".join(call.text.split()).strip("\"'\u201c\u201d ")
    limit = min(len(question) + _MAX_GROWTH, settings.MAX_QUERY_CHARACTERS)
    # A small model may answer, or wander off: a rewording keeps at least something that was said.
    said = set(stems(question)).union(*(stems(turn.searched) for turn in history))
    if not reworded or len(reworded) > limit or not said & set(stems(reworded)):
        return condense_by_rule(question, history)
    return reworded


def _format(history: Sequence[PastTurn]) -> str:
    lines = []
    for turn in history:
        lines.append(f"Question: {turn.question}")
        if turn.answer:
            lines.append(f"Answer: {turn.answer[:_MAX_ANSWER_CHARACTERS]}")
    return "\n".join(lines)
