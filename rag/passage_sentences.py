"""The sentences of passages that could answer: no headings, no table heads, nothing twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from documents.sentences import sentences
from rag.retrieval import Passage
from rag.table_rows import find_rows, row_at
from rag.words import stems, words

_MIN_CHARACTERS = 3
_MAX_HEADING_WORDS = 12
_MAX_TERM_WORDS = 6
# A longer row of a table is taken sentence by sentence.
_LONGEST_ROW = 400


@dataclass(frozen=True)
class Unit:
    """A sentence of a passage, or a row of a table.

    Attributes:
        start, end: characters into the passage's content.
        said: its text; of a row what it says by itself, with the names of the columns.
        is_row, is_head: whether it is a row of a table, or the one that names the columns.
        columns, cells: the names, where they are known, and what stands in the row.
    """

    start: int
    end: int
    said: str
    is_row: bool = False
    is_head: bool = False
    columns: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()


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
        columns, cells: of a row of a table; none of another sentence.
        below: where the heading begins that it stands right below, in the passage.
        is_entry: whether that is a term, which the sentence explains.
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
    columns: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    below: int | None = None
    is_entry: bool = False


def passage_units(content: str, lead: str = "") -> list[Unit]:
    """Return the sentences of a passage, a table's row as one of them.

    Args:
        lead: what stands before it of the table that it begins inside of.
    """
    text, offset = lead + content, len(lead)
    rows = find_rows(text)
    if not rows:
        return [Unit(start, end, content[start:end]) for start, end in sentences(content)]
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
        cells = tuple(text[a:b].strip(" |") for a, b in row.cells)
        span = (first - offset, done - offset)
        units.append(Unit(*span, said, True, row.is_head, row.names, cells))
    return units


def entries(content: str, units: Sequence[Unit]) -> Iterator[Unit]:
    """Yield each term of a glossary with what explains it, as one unit."""
    for term, following in pairwise(units):
        if not term.is_row and _is_term(content, term.start, term.end):
            yield Unit(term.start, following.end, f"{term.said}: {following.said}")


def candidate_sentences(passages: Sequence[Passage]) -> list[Candidate]:
    """Return the sentences of all passages; what two overlapping passages share comes once."""
    found: list[Candidate] = []
    seen: set[tuple[str, ...]] = set()
    for index, passage in enumerate(passages):
        for candidate in _candidates(index, passage):
            key = tuple(words(candidate.said))
            if key not in seen:
                seen.add(key)
                found.append(candidate)
    return found


def _candidates(index: int, passage: Passage) -> Iterator[Candidate]:
    content = passage.content
    before: list[str] = []
    heading = passage.heading.rpartition(" > ")[2]
    if passage.lead:
        heading = _with_head(heading, passage.lead.partition("\n")[0])
    asks = False
    below: int | None = None  # where the heading right above begins
    term: list[str] = []  # stems of it, where it is what the next sentence explains
    for unit in passage_units(content, passage.lead):
        start, end = unit.start, unit.end
        # A row that is cut is understood by what is missing of it.
        is_cut = unit.is_row and not start and bool(passage.lead)
        text = unit.said if is_cut else content[start:end]
        if len(text) < _MIN_CHARACTERS or not words(text):
            continue
        own = stems(unit.said if unit.is_row else text)
        is_term = _is_term(content, start, end)
        if is_term or _is_heading(content, start, end):
            heading, before, below, term = text, own, start, own if is_term else []
            continue
        if unit.is_head:
            heading, before, below = _with_head(heading, text), before + own, None
            continue
        if below is not None:
            own = term + own
        asked_before, asks = asks, text.rstrip("*_ ").endswith("?")
        yield Candidate(
            index,
            start,
            end,
            text,
            unit.said,
            own,
            heading,
            before,
            asks,
            asked_before,
            columns=unit.columns,
            cells=unit.cells,
            below=below,
            is_entry=below is not None and bool(term),
        )
        before, below = (before + own)[-60:], None


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


def _is_term(content: str, start: int, end: int) -> bool:
    """Tell whether a sentence is a term alone on its line, with its explanation on the next."""
    text = content[start:end]
    if text[-1] in '.!?:;,)"\u201d' or "|" in text or len(text.split()) > _MAX_TERM_WORDS:
        return False
    if text[0] in "-*\u2022" or content[:start][-2:] not in ("", "\n\n"):
        return False
    following, _, rest = content[end:].removeprefix("\n").partition("\n")
    is_explained = following[:1].isupper() and following.rstrip("*_ ")[-1:] in (".", "!", ":")
    return content[end : end + 1] == "\n" and is_explained and rest[:1] in ("", "\n")
