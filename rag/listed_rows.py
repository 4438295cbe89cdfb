"""Which rows of a table a question asks for: all that start on day one, or one for each side."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from rag.passage_sentences import Candidate
from rag.retrieval import Passage
from rag.words import stem, stems, words

MOST = 30
_FIRST_PASSAGES = 6  # a table that is found further down is not what was asked about
_ASKS_FOR = frozenset(map(stem, ("list", "enumerate", "show", "find", "different", "various")))
_ARTICLES = frozenset({"a", "an", "the"})
# What of the question's words the table has to have: in its names, its place, or the rows' cells.
LEAST_SHARE, ALL = 0.5, 1.0

Tables = Mapping[tuple[object, ...], Sequence[Candidate]]


def listed_rows(
    question: str,
    candidates: Sequence[Candidate],
    passages: Sequence[Passage],
    *,
    is_list: bool,
    least_share: float = LEAST_SHARE,
) -> list[Candidate]:
    """Return the rows of one table that answer, in its order; none where no table does.

    Either the question says what stands in a cell of each of them, word for word ("After
    probation"), or it asks for what the table's first column names.

    Args:
        passages: best first.
        is_list: whether the question asks for a list in so many words.
        least_share: of the question's words, that the table has to have.
    """
    asked = list(dict.fromkeys(one for one in stems(question) if one not in _ASKS_FOR))
    said = _phrase(question)
    for key, rows in _tables(candidates, passages).items():
        if len(rows) == 1 or not asked:
            continue
        first = passages[rows[0].passage]
        above = set(stems(f"{first.title} {first.heading} {first.filename} {key[-1]}"))
        named = [row for row in rows if any(_is_said(cell, said) for cell in row.cells)]
        if 1 < len(named) < len(rows):
            held = above | {
                s for row in named for c in row.cells if _is_said(c, said) for s in stems(c)
            }
            if _share(asked, held) >= least_share:
                return named[:MOST]
        elif not named and set(asked) & set(stems(_first_name(rows[0]))):
            is_named = is_list and asked[0] in stems(_first_name(rows[0])) and least_share < ALL
            if is_named or _share(asked, above) >= least_share:
                return list(rows[:MOST])
    return []


def parallel_rows(
    sides: tuple[str, str], candidates: Sequence[Candidate], passages: Sequence[Passage]
) -> tuple[Candidate, Candidate] | None:
    """Return a row for each side of a comparison, of one table that is about what they share.

    A side's row is the one whose first cell has the words that the other side has not.
    """
    one, other = (set(_phrase(side).split()) for side in sides)
    shared = set(stems(sides[0])) & set(stems(sides[1]))
    for key, rows in _tables(candidates, passages).items():
        first = passages[rows[0].passage]
        above = set(stems(f"{first.title} {first.heading} {first.filename} {key[-1]}"))
        pair = [
            [row for row in rows if own and own <= set(_phrase(row.cells[0]).split())]
            for own in (one - other, other - one)
        ]
        if [len(found) for found in pair] != [1, 1] or pair[0] == pair[1]:
            continue
        held = above.union(*(found[0].stems for found in pair))
        if shared and _share(list(shared), held) >= LEAST_SHARE:
            return pair[0][0], pair[1][0]
    return None


def _tables(candidates: Sequence[Candidate], passages: Sequence[Passage]) -> Tables:
    """Return the rows of each table, by where it stands and its columns; the best found first."""
    tables: dict[tuple[object, ...], list[Candidate]] = defaultdict(list)
    for row in candidates:
        if row.cells and row.columns:
            passage = passages[row.passage]
            tables[passage.document_id, passage.page, " ".join(row.columns)].append(row)
    return {
        key: _in_order(rows, passages)
        for key, rows in tables.items()
        if min(row.passage for row in rows) < _FIRST_PASSAGES
    }


def _in_order(rows: Sequence[Candidate], passages: Sequence[Passage]) -> list[Candidate]:
    """Return the rows as they stand in the table; of one that is cut in a passage, the longer."""
    longest: dict[str, Candidate] = {}
    for row in sorted(rows, key=lambda row: -len(row.said)):
        longest.setdefault(row.cells[0], row)
    return sorted(longest.values(), key=lambda row: passages[row.passage].start + row.start)


def _first_name(row: Candidate) -> str:
    return next((name for name in row.columns if name), "")


def _is_said(cell: str, question: str) -> bool:
    """Tell whether a question says all that stands in a cell."""
    phrase = _phrase(cell)
    return bool(stems(cell)) and f" {phrase} " in f" {question} "


def _phrase(text: str) -> str:
    return " ".join(stem(word) for word in words(text) if word not in _ARTICLES)


def _share(asked: Sequence[str], held: set[str]) -> float:
    return sum(one in held for one in asked) / len(asked)
