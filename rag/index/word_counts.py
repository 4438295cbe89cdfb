"""How often words stand in an index, and what a word that stands in none may have been."""

import math
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

from rag.spelling import MOST_MISSPELT, is_no_slip, one_edit_away

# Up to so many chunks a word is counted; beyond, it is common.
MOST_COUNTED = 8_000
# How many chunks of a scope are counted to tell which of several words it uses more.
SCOPE_COUNT = 20
_COUNT_FOR_S = 300.0  # how long a table is taken to be as large as it was
_SMALL = 1_000  # chunks; a smaller table is counted anew each time
# Words that stand in more chunks are no slips of the keyboard.
_ORDINARY = 500
_MOST_EDITS = 12  # corrections that are looked at


class Frequencies:
    """In how many chunks a word or phrase stands, remembered until the index changes.

    Args:
        rows_with: counts the rows of a table that have a word, up to one more than MOST_COUNTED.
        size_of: counts the rows of a table.
    """

    def __init__(
        self,
        *,
        rows_with: Callable[[str, str], int],
        size_of: Callable[[str], int],
        tables: int = 256,
    ) -> None:
        self._rows_with = rows_with
        self._size_of = size_of
        self._tables = tables
        self._counts: OrderedDict[str, tuple[uuid.UUID, dict[str, int]]] = OrderedDict()
        self._sizes: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def get(self, table: str, token: uuid.UUID, words: Sequence[str]) -> dict[str, int]:
        """Return the count of each word, up to one more than MOST_COUNTED."""
        with self._lock:
            cached_token, counts = self._counts.pop(table, (token, {}))
            if cached_token != token:
                counts = {}
            self._counts[table] = (token, counts)
            while len(self._counts) > self._tables:
                self._counts.popitem(last=False)
            unknown = [word for word in words if word not in counts]
        fresh = {word: self._rows_with(table, word) for word in unknown}
        with self._lock:
            counts.update(fresh)
            return {word: counts[word] for word in words}

    def rarity(self, table: str, token: uuid.UUID, words: Sequence[str]) -> dict[str, float]:
        """Return for each word how much it tells: BM25's inverse document frequency."""
        size = self._size(table)
        return {
            word: math.log(1 + max(0.0, size - count + 0.5) / (count + 0.5))
            for word, count in self.get(table, token, words).items()
        }

    def _size(self, table: str) -> int:
        """Return about how many chunks the table has: counting them anew each time is slow."""
        now = time.monotonic()
        with self._lock:
            if len(self._sizes) > self._tables:
                self._sizes.clear()
            at, size = self._sizes.get(table, (-math.inf, 0))
        if now - at > _COUNT_FOR_S or size < _SMALL:
            size = self._size_of(table)
            with self._lock:
                self._sizes[table] = (now, size)
        return size


def unknown(
    words: Iterable[str], counts: Mapping[str, int], has: Callable[[str], bool]
) -> list[str]:
    """Return the words that a scope has in no form.

    Args:
        words: those asked about.
        counts: how many chunks of the organization have each.
        has: tells whether the scope has a word, in any form.
    """
    rare = [word for word in words if counts[word] <= _ORDINARY]
    return [word for word in rare if not (counts[word] and has(word))]


def corrections(
    missing: Sequence[str],
    *,
    existing: Callable[[Sequence[str]], Sequence[str]],
    written: Callable[[str], int],
) -> dict[str, str]:
    """Return what misspelt words may have been, by word: words that the scope has just like that.

    SECURITY: what counts is whether the scope holds a word. A word that others' documents alone
    hold is as unknown as one that nobody's do, and nothing is corrected to it. Only words that the
    organization uses all the time are never taken for slips, whoever asks.

    Args:
        missing: words that the scope has in no form.
        existing: returns those stems that the index has, in alphabetical order.
        written: counts the chunks of the scope that have a word just like that, up to SCOPE_COUNT.
    """
    found: dict[str, str] = {}
    if len(missing) > MOST_MISSPELT:
        return found
    for word in missing:
        if is_no_slip(word):
            continue
        edits = one_edit_away(word)
        known = [edits[stem] for stem in existing(list(edits))][:_MOST_EDITS]
        held = {edit: written(edit) for edit in known}
        if best := max(held.values(), default=0):
            found[word] = min(edit for edit, count in held.items() if count == best)
    return found
