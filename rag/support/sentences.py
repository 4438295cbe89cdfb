"""The sentences of an answer and of passages, as they are compared."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from documents.sentences import sentences
from rag.passage_sentences import entries, passage_units
from rag.retrieval import Passage
from rag.support.facts import Facts, facts_of

_CITATIONS_FIRST = re.compile(r"(?:\s*\[\d+\])+")
_CITATION = re.compile(r"\s*\[\d+\]")
_MARKUP = re.compile(r"^\s*(?:#{1,6}\s+|[-*+>]\s+|\d{1,2}[.)]\s+)+|[*_`|]+|(?<=\])\([^)\s]*\)")


@dataclass(frozen=True)
class PassageSentence:
    """A sentence of a passage.

    Attributes:
        start, end: characters into the passage's content.
    """

    start: int
    end: int
    facts: Facts


@dataclass(frozen=True)
class PassageFacts:
    """A passage, sentence by sentence, with what stands around it.

    Attributes:
        around: its title, headings and file name, which its sentences speak of.
        whole: all of it.
    """

    passage: Passage
    sentences: tuple[PassageSentence, ...]
    around: Facts
    whole: Facts


def answer_sentences(answer: str) -> list[tuple[int, int]]:
    """Return the span of each sentence of an answer, its citations included."""
    spans: list[tuple[int, int]] = []
    for start, end in sentences(answer):
        # "It is so. [1] Next" cites for what stands before.
        leading = _CITATIONS_FIRST.match(answer, start, end)
        if leading and spans and "\n" not in answer[spans[-1][1] : start]:
            spans[-1] = (spans[-1][0], leading.end())
            rest = answer[leading.end() : end].lstrip()
            if rest:
                spans.append((end - len(rest), end))
        else:
            spans.append((start, end))
    return spans


def words_of(sentence: str) -> str:
    """Return what a sentence of an answer says, without its citations and its markup."""
    return " ".join(_MARKUP.sub(" ", _CITATION.sub("", sentence)).split())


def passage_facts(passages: Sequence[Passage]) -> list[PassageFacts]:
    """Read the passages, sentence by sentence."""
    return [_read(passage) for passage in passages]


def _read(passage: Passage) -> PassageFacts:
    content = passage.content
    units = passage_units(content, passage.lead)
    stem_of_name = passage.filename.rsplit(".", 1)[0].replace("-", " ").replace("_", " ")
    return PassageFacts(
        passage,
        tuple(
            PassageSentence(unit.start, unit.end, facts_of(unit.said))
            for unit in (*units, *entries(content, units))
        ),
        facts_of(f"{passage.title}\n{passage.heading}\n{stem_of_name}\n{passage.lead}"),
        facts_of(content),
    )
