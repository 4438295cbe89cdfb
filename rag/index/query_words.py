"""The words of a question, as every index of words looks them up."""

import re
import unicodedata

from rag.index.grams import grams, without_grams
from rag.spelling import may_be_misspelt
from rag.words import STOP_WORDS

# Most words of a question that are looked up at all.
MAX_WORDS = 48
_WORD = re.compile(r"\w+")


def words_of(query: str) -> list[str]:
    """Return the distinct words of a question without stop words, unless it has nothing else.

    Where no spaces stand between words, pairs of characters are the words.
    """
    query = unicodedata.normalize("NFC", query).lower()
    words = list(dict.fromkeys([*_WORD.findall(without_grams(query)), *grams(query)]))
    return ([word for word in words if word not in STOP_WORDS] or words)[:MAX_WORDS]


def plain_words_of(query: str) -> list[str]:
    """Return those that a question is about, in letters alone."""
    return [word for word in words_of(query) if word.isalpha() and word not in STOP_WORDS]


def misspelt_words_of(query: str) -> list[str]:
    """Return those that may be slips of the keyboard."""
    possible = set(may_be_misspelt(query))
    return [word for word in words_of(query) if word in possible]


def phrase_of(text: str) -> str:
    """Return the words that have to stand one behind the other."""
    return " ".join(grams(text) or _WORD.findall(text))


def worth_looking_up(
    counts: dict[str, int], *, words: list[str], most: int
) -> tuple[list[str], bool]:
    """Return the rarest words that together stand in at most so many rows.

    When even the rarest stands in more, those rows that have the rarest ones together are few
    enough: then the second value is True, and all of the words have to be there.

    Args:
        counts: how many rows have each, words of the question and what else may stand for them.
        words: those of the question.
        most: rows that may be ranked.
    """
    known = sorted((one for one in counts if counts[one]), key=lambda one: counts[one])
    if not known:
        return [], False
    if counts[known[0]] > most:
        return [word for word in known if word in words][:4], True
    chosen, rows = [known[0]], counts[known[0]]
    for word in known[1:]:
        rows += counts[word]
        if rows > most:
            break
        chosen.append(word)
    return chosen, False
