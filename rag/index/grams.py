"""Pairs of characters, by which texts are searched that put no spaces between words.

Chinese, Japanese and Thai give no word to look up, and Korean joins particles to its words. Two
neighbouring characters stand in for a word, as is usual for such search (Lucene's CJK bigrams).
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

# Thai and Lao, Myanmar, Hangul (jamo and syllables), Khmer, kana, the Han blocks.
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005\u3041-\u3096\u30a1-\u30fe"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9d"
    "\U00020000-\U0003ffff]+"
)


def grams(text: str) -> list[str]:
    """Return the pairs of each run of such characters, in order; a lone character by itself."""
    return [gram for run in _WITHOUT_SPACES.findall(text) for gram in _of_run(run)]


def without_grams(text: str) -> str:
    """Return the text without such characters: what has spaces between its words."""
    return _WITHOUT_SPACES.sub(" ", text)


def _of_run(run: str) -> Iterator[str]:
    # Vowel signs and tone marks would split the pair into two words of the index.
    letters = [c for c in run if unicodedata.category(c)[0] in "LN"]
    if len(letters) == 1:
        yield letters[0]
    for first, second in pairwise(letters):
        yield first + second
