"""The sentences of passages that could answer: no headings, no table heads, nothing twice."""

from collections.abc import Sequence
from dataclasses import dataclass

from documents.sentences import sentences
from rag.retrieval import Passage
from rag.words import stems, words

_MIN_CHARACTERS = 3
_MAX_HEADING_WORDS = 12


@dataclass
class Candidate:
    """A sentence with what stands around it.

    Attributes:
        passage: index of its passage, from 0.
        start, end: characters into the passage's content.
        stems: its own.
        heading: the nearest one above it; for a table row, with the table's first row.
        before: stems of what stands before it in the passage.
        asks: whether it is a question.
        after_question: whether it follows one.
        cosine: to the question, once that is known.
    """

    passage: int
    start: int
    end: int
    text: str
    stems: list[str]
    heading: str
    before: list[str]
    asks: bool
    after_question: bool
    cosine: float = 0.0


def candidate_sentences(passages: Sequence[Passage]) -> list[Candidate]:
    """Return the sentences of all passages; what two overlapping passages share comes once."""
    found: list[Candidate] = []
    seen: set[tuple[str, ...]] = set()
    for index, passage in enumerate(passages):
        before: list[str] = []
        heading = passage.heading.rpartition(" > ")[2]
        asks = False
        for start, end in sentences(passage.content):
            text = passage.content[start:end]
            key = tuple(words(text))
            if len(text) < _MIN_CHARACTERS or not key:
                continue
            own = stems(text)
            if _is_heading(passage.content, start, end):
                heading, before = text, own
                continue
            if _is_table_head(passage.content, start, end):
                heading, before = f"{heading}: {text}" if heading else text, before + own
                continue
            is_question = text.rstrip("*_ ").endswith("?")
            if key not in seen:
                seen.add(key)
                found.append(
                    Candidate(index, start, end, text, own, heading, before, is_question, asks)
                )
            before, asks = (before + own)[-60:], is_question
    return found


def _is_heading(content: str, start: int, end: int) -> bool:
    """Tell whether a sentence is a short paragraph of its own that says nothing: a heading.

    A question alone on its line is one too: what follows it answers it.
    """
    text = content[start:end]
    if text[-1] in '.!:;)"\u201d' or "|" in text or len(text.split()) > _MAX_HEADING_WORDS:
        return False
    is_listed = text[0] in "-*\u2022"
    stands_alone = content[end : end + 2] == "\n\n" and content[:start][-2:] in ("", "\n\n")
    return stands_alone and not is_listed


def _is_table_head(content: str, start: int, end: int) -> bool:
    """Tell whether a sentence is the first row of a table that goes on."""
    before, row, after = content[:start], content[start:end], content[end:]
    next_row = after.lstrip("\n").partition("\n")[0]
    return (
        " | " in row
        and before.endswith("\n\n")
        and not any(character.isdigit() for character in row)
        and " | " in next_row
        and not after.startswith("\n\n")
    )
