"""Words that documents join: who asks "who is on call?" means "on-call", and not any call."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.retrieval import Passage
from rag.words import STOP_WORDS, stem, words


@dataclass(frozen=True)
class JoinedWords:
    """The pairs of a question's words that passages write with a hyphen.

    Attributes:
        pairs: such as "on-call", in small letters.
        parts: stems of the words that tell something only together.
    """

    pairs: tuple[str, ...]
    parts: frozenset[str]

    def found_in(self, text: str) -> list[str]:
        """Return the pairs that stand in a text, joined or one behind the other."""
        text = text.lower()
        return [pair for pair in self.pairs if re.search(rf"\b{pair.replace('-', '[- ]')}\b", text)]


def joined_words(question: str, passages: Sequence[Passage]) -> JoinedWords:
    """Return those pairs of which one word alone would say nothing or something else.

    A hyphen between two words that both tell something changes nothing: each is found by itself.
    """
    said = " ".join(f"{p.title} {p.heading} {p.filename} {p.content}" for p in passages).lower()
    pairs = [
        (one, other)
        for one, other in pairwise(words(question))
        if (one in STOP_WORDS) is not (other in STOP_WORDS)
        and re.search(rf"\b{one}-{other}\b", said)
    ]
    parts = frozenset(stem(word) for pair in pairs for word in pair if word not in STOP_WORDS)
    return JoinedWords(tuple("-".join(pair) for pair in dict.fromkeys(pairs)), parts)
