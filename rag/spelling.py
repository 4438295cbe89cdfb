"""What a misspelt word may have been: every word that is one slip of the keyboard away."""

import re
import threading
from functools import lru_cache

from rag.near_words import near_stems
from rag.words import stem

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORD = re.compile(r"[^\W\d_]+")
# In a shorter word, one slip makes another word too often.
SHORTEST = 4
_LONGEST = 24
# A text with more words that nobody knows is in another language, or about something else.
MOST_MISSPELT = 3

_local = threading.local()  # a Snowball stemmer keeps state, so threads must not share one


def is_no_slip(word: str) -> bool:
    """Tell whether it is a word of English, which the documents need not have.

    "Cost" where only "most" is written is no slip of the keyboard.
    """
    return bool(near_stems(stem(word)))


@lru_cache(maxsize=256)
def one_edit_away(word: str) -> dict[str, str]:
    """Return words one letter added, lost, changed or swapped away, by their Porter stems.

    The stems are those of the index of words. The first letter is hardly ever the wrong one.
    """
    if not SHORTEST <= len(word) <= _LONGEST:
        return {}
    parts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    edits = [
        *(left + right[1:] for left, right in parts if right),
        *(left + right[1] + right[0] + right[2:] for left, right in parts if len(right) > 1),
        *(left + letter + right for left, right in parts for letter in _LETTERS),
        *(left + letter + right[1:] for left, right in parts if right for letter in _LETTERS),
    ]
    found: dict[str, str] = {}
    for edit in edits:
        if edit != word and (edit[:1] == word[0] or edit[:2] == word[1::-1]):
            found.setdefault(porter(edit), edit)
    return found


def with_corrections(text: str, corrections: dict[str, str]) -> str:
    """Return the text with its misspelt words exchanged."""

    def corrected(found: re.Match[str]) -> str:
        return corrections.get(found[0].lower(), found[0])

    return _WORD.sub(corrected, text) if corrections else text


def may_be_misspelt(text: str) -> list[str]:
    """Return the words that could be checked: letters alone, long enough, in lower case."""
    return [
        word
        for word in dict.fromkeys(found.lower() for found in _WORD.findall(text))
        if SHORTEST <= len(word) <= _LONGEST
    ]


def porter(word: str) -> str:
    """Return the Porter stem of one lower-case word, as the indexes of words keep it."""
    stemmer = getattr(_local, "stemmer", None)
    if stemmer is None:
        import snowballstemmer

        stemmer = _local.stemmer = snowballstemmer.stemmer("porter")
    stem: str = stemmer.stemWord(word)
    return stem
