"""Asks the chat model which sentences of an answer the passages support, where words don't tell."""

import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from logging import getLogger

from rag.llm.base import ChatModel, ChatRequest, ModelUnavailable
from rag.llm.metering import MeteredCall
from rag.prompts.loader import load_prompt, new_boundary
from rag.support.sentences import words_of
from rag.support.verdicts import CheckedSentence, Flag, Status

logger = getLogger("knowledge.judging")

_MOST_SENTENCES = 12
_MAX_TOKENS = 120
_TIMEOUT_S = 20.0  # the reader waits for it with the answer before their eyes
_LONGEST_REPLY = 2_000  # characters; a longer one is no list of verdicts
# From so many on without a verdict among them the model is not going to give any: a small one
# often goes on writing instead, and nobody should wait for that.
_FRUITLESS = 60
_VERDICT = re.compile(r"^\W*(\d{1,2})\W+(yes|partly|no)\b", re.IGNORECASE | re.MULTILINE)
_STATUSES: dict[str, Status] = {"yes": "supported", "partly": "weak", "no": "unsupported"}
_REASONS = {
    "weak": "The language model that checks answers finds this said in part.",
    "unsupported": "The language model that checks answers does not find this in the passages.",
}


def judge_call(
    answer: str, sentences: Sequence[CheckedSentence], passages: str, model: ChatModel
) -> MeteredCall | None:
    """Return the model call that judges the sentences; None where there is nothing to judge.

    Args:
        passages: numbered, as the answer's own prompt had them.
    """
    judged = _judged(sentences)
    if not judged or not model.generates:
        return None
    lines = "\n".join(
        f"{number}: {words_of(answer[sentence.start : sentence.end])}"
        for number, sentence in enumerate(judged, start=1)
    )
    messages = load_prompt("judge", "v1").render(
        passages=passages, sentences=lines, boundary=new_boundary()
    )
    return MeteredCall(
        model, ChatRequest(messages, "", (), _MAX_TOKENS, timeout_s=_TIMEOUT_S), feature="judge"
    )


async def judge(
    call: MeteredCall, sentences: Sequence[CheckedSentence]
) -> tuple[CheckedSentence, ...]:
    """Return the sentences with the model's verdicts; without usable ones, as they were.

    A verdict moves a sentence one step at most: what words and meaning refute does not become
    supported because a model says yes to everything.
    """
    try:
        async with aclosing(call.stream()) as stream:
            async for _ in stream:
                is_fruitless = len(call.text) > _FRUITLESS and not _VERDICT.search(call.text)
                if is_fruitless or len(call.text) > _LONGEST_REPLY:
                    break
    except ModelUnavailable:
        return tuple(sentences)
    judged = _judged(sentences)
    found = {
        judged[int(number) - 1].start: _STATUSES[word.lower()]
        for number, word in _VERDICT.findall(call.text)
        if 1 <= int(number) <= len(judged)
    }
    if not found:
        logger.warning("no usable verdicts", extra={"reply_length": len(call.text)})
    return tuple(
        _with_verdict(sentence, found.get(sentence.start, sentence.status))
        for sentence in sentences
    )


def _judged(sentences: Sequence[CheckedSentence]) -> list[CheckedSentence]:
    """Return those that a model may judge: a number, name or "not" is better seen by rule."""
    return [
        sentence for sentence in sentences if all(flag.kind == "meaning" for flag in sentence.flags)
    ][:_MOST_SENTENCES]


def _with_verdict(sentence: CheckedSentence, status: Status) -> CheckedSentence:
    if {status, sentence.status} == {"supported", "unsupported"}:
        status = "weak"
    if status == sentence.status:
        return sentence
    if status == "supported":
        supporting = sentence.supported_by or sentence.citations
        return replace(sentence, status=status, flags=(), supported_by=supporting)
    flag = Flag("meaning", "", _REASONS[status])
    return replace(sentence, status=status, flags=(flag,), supported_by=())
