"""What a misspelt word may have been: every word that is one slip of the keyboard away."""

import re
import threading
from collections.abc import Sequence
from functools import lru_cache

from rag.near_words import near_stems
from rag.words import STOP_WORDS, stem

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORD = re.compile(r"[^\W\d_]+")
# In a shorter word, one slip makes another word too often.
SHORTEST = 4
_LONGEST = 24
# A text with more words that nobody knows is in another language, or about something else.
MOST_MISSPELT = 3
_QUESTION_WORDS = ("what", "when", "where", "which")

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


def slips_of_english(text: str, unknown: Sequence[str]) -> dict[str, str]:
    """Return what words of a text that no document has must have been meant to be, by word.

    A little word, as "waht", or the one word of English that is a slip away, as "maximun". A word
    with a capital may be a name, and a text with many such words is in another language.
    """
    if len(unknown) > MOST_MISSPELT:
        return {}
    opening = text.lstrip(" \"'\u201c")
    found = {}
    for word in unknown:
        is_plain = word in _WORD.findall(text) or opening.lower().startswith(word)
        if is_plain and not is_no_slip(word) and (meant := _meant_in_english(word)):
            found[word] = meant
    return found


def _meant_in_english(word: str) -> str:
    if len(word) < SHORTEST:
        asks = [other for other in _QUESTION_WORDS if word in _one_letter_lost(other)]
        return asks[0] if len(asks) == 1 else ""
    near = list(one_edit_away(word).values())
    little = sorted(other for other in near if other in STOP_WORDS)
    if little:
        return little[0]
    known = {stem(other): other for other in near if is_no_slip(other)}
    return next(iter(known.values())) if len(known) == 1 and len(word) > SHORTEST else ""


def _one_letter_lost(word: str) -> set[str]:
    return {word[:at] + word[at + 1 :] for at in range(len(word))}


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
