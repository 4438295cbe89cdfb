"""Remembers the word pieces of the texts of late: each is wanted several times within seconds.

A passage is counted while its document is cut, counted again for the ledger, and read by the model.
"""

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence

# Some more than wait for the model at a time; a long text is hardly ever asked for again.
REMEMBERED = 2048
LONGEST = 8_000

Tokenize = Callable[[Sequence[str]], list[Sequence[int]]]


class TokenMemory:
    """The word pieces of texts, each text tokenized once as long as it is remembered.

    Args:
        tokenize: gives the ids of each text; called from several threads at once.
    """

    def __init__(self, tokenize: Tokenize) -> None:
        self._tokenize = tokenize
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Sequence[int]] = OrderedDict()

    def ids(self, texts: Sequence[str]) -> list[Sequence[int]]:
        """Return the ids of each text, in order; they are not to be changed."""
        found = self._remembered(texts)
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if new:
            made = {
                text: array("I", ids) for text, ids in zip(new, self._tokenize(new), strict=True)
            }
            found.update(made)
            self._remember(made)
        return [found[text] for text in texts]

    def _remembered(self, texts: Sequence[str]) -> dict[str, Sequence[int]]:
        with self._lock:
            found = {text: self._known[text] for text in texts if text in self._known}
            for text in found:
                self._known.move_to_end(text)
        return found

    def _remember(self, made: dict[str, "array[int]"]) -> None:
        with self._lock:
            self._known.update((text, ids) for text, ids in made.items() if len(text) <= LONGEST)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
