"""The sentences of passages that could answer: no headings, no table heads, nothing twice."""

from collections.abc import Sequence
from dataclasses import dataclass

from documents.sentences import sentences
from rag.retrieval import Passage
from rag.table_rows import find_rows, row_at
from rag.words import stems, words

_MIN_CHARACTERS = 3
_MAX_HEADING_WORDS = 12
# A longer row of a table is taken sentence by sentence.
_LONGEST_ROW = 400


@dataclass(frozen=True)
class Unit:
    """A sentence of a passage, or a row of a table.

    Attributes:
        start, end: characters into the passage's content.
        said: its text; of a row what it says by itself, with the names of the columns.
        is_row, is_head: whether it is a row of a table, or the one that names the columns.
    """

    start: int
    end: int
    said: str
    is_row: bool = False
    is_head: bool = False


@dataclass
class Candidate:
    """A sentence with what stands around it.

    Attributes:
        passage: index of its passage, from 0.
        start, end: characters into the passage's content.
        said: the text as it is understood alone: a row of a table with the names of its columns.
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
    said: str
    stems: list[str]
    heading: str
    before: list[str]
    asks: bool
    after_question: bool
    cosine: float = 0.0


def passage_units(content: str, lead: str = "") -> list[Unit]:
    """Return the sentences of a passage, a table's row as one of them.

    Args:
        lead: what stands before it of the table that it begins inside of.
    """
    if " | " not in content:
        return [Unit(start, end, content[start:end]) for start, end in sentences(content)]
    text, offset = lead + content, len(lead)
    rows = find_rows(text)
    units: list[Unit] = []
    done = 0  # characters of the text
    for start, end in sentences(content):
        row = row_at(rows, start + offset)
        if row is None:
            units.append(Unit(start, end, content[start:end]))
            continue
        if start + offset < done:
            continue
        is_short = row.end - row.start <= _LONGEST_ROW
        first, done = (row.start, row.end) if is_short else (start + offset, end + offset)
        said = row.readable(text, first, done)
        first = max(first, offset)  # a row that is cut is cited from where the passage begins
        units.append(Unit(first - offset, done - offset, said, is_row=True, is_head=row.is_head))
    return units


def candidate_sentences(passages: Sequence[Passage]) -> list[Candidate]:
    """Return the sentences of all passages; what two overlapping passages share comes once."""
    found: list[Candidate] = []
    seen: set[tuple[str, ...]] = set()
    for index, passage in enumerate(passages):
        before: list[str] = []
        heading = passage.heading.rpartition(" > ")[2]
        if passage.lead:
            heading = _with_head(heading, passage.lead.partition("\n")[0])
        asks = False
        for unit in passage_units(passage.content, passage.lead):
            start, end = unit.start, unit.end
            text = passage.content[start:end]
            key = tuple(words(text))
            if len(text) < _MIN_CHARACTERS or not key:
                continue
            own = stems(text)
            if _is_heading(passage.content, start, end):
                heading, before = text, own
                continue
            if unit.is_head:
                heading, before = _with_head(heading, text), before + own
                continue
            is_question = text.rstrip("*_ ").endswith("?")
            if key not in seen:
                seen.add(key)
                found.append(
                    Candidate(
                        index,
                        start,
                        end,
                        text,
                        unit.said,
                        own,
                        heading,
                        before,
                        is_question,
                        asks,
                    )
                )
            before, asks = (before + own)[-60:], is_question
    return found


def _with_head(heading: str, head: str) -> str:
    return f"{heading}: {head}" if heading else head


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
