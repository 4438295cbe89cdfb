"""How much of a question a text holds: its words, words of like meaning, and its pairs of words."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.near_words import near_stems
from rag.quantities import values
from rag.value_forms import normalized
from rag.words import STOP_WORDS, stem, stems, words

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
# Cheaper than documents.sentences, which finds places to cite; here a rough cut is as good.
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+|(?<=[\u3002\uff01\uff1f])")
# "determine" and "determinism": words that begin alike, up to a few letters of ending.
_BEGINS_ALIKE = 0.65
_SHORTEST_BEGINNING = 4
_LONGEST_ENDING = 5
_ALIKE = 0.6
_EXACT = 1.0


@dataclass(frozen=True)
class Match:
    """What of a question one text holds; each share is of the weight of the question's words.

    Attributes:
        title: what the title and heading alone hold.
        sentence: what the best single sentence holds under its title.
        pairs: neighbours in the question that are neighbours in the text.
        missing: weight of the weightiest word that is missing, as a share of the weightiest.
        held: for each word how much of a match there is, from 0 to 1, the title counted.
    """

    title: float
    sentence: float
    pairs: float
    missing: float
    held: tuple[float, ...]


class QuestionWords:
    """The words of a question that tell something, and how much each tells.

    Args:
        question: as it is searched.
        rarity: weight of each stem, higher for rarer ones; others get the mean.
        also: other stems that stand for one of the question, with how much of a match they are.

    Attributes:
        text: the question.
        stems: in order, each once.
        weights: one for each stem; together 1.
    """

    def __init__(
        self,
        question: str,
        *,
        rarity: Mapping[str, float],
        also: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self.text = question
        self._has_values = bool(values(question))
        text = normalized(question, asked=True) if self._has_values else question
        self.stems = tuple(dict.fromkeys(stems(text))) or tuple(dict.fromkeys(words(text)))
        usual = sum(rarity.values()) / len(rarity) if rarity else 1.0
        raw = [max(0.05, rarity.get(one, usual)) for one in self.stems]
        total = sum(raw) or 1.0
        self.weights = tuple(weight / total for weight in raw)
        self._also = also or {}
        self._seen: dict[str, tuple[tuple[int, float], ...] | None] = {}
        self._credits = self._all_credits()

    def match(self, *, title: str, text: str) -> Match:
        """Compare a text, under its title and heading, with the question."""
        in_title = [0.0] * len(self.stems)
        self._collect(title, in_title)
        best, pairs, of_title = list(in_title), set[int](), self.share(in_title)
        sentence = of_title
        if self._has_values:
            text = normalized(text)
        for part in _SENTENCE_END.split(text):
            own = list(in_title)
            if self._collect(part, own, pairs):
                sentence = max(sentence, self.share(own))
                best = [max(pair) for pair in zip(best, own, strict=True)]
        missing = (w for w, held in zip(self.weights, best, strict=True) if held < _EXACT)
        return Match(
            title=of_title,
            sentence=sentence,
            pairs=self._share_of_pairs(pairs),
            missing=max(missing, default=0.0) / max(self.weights, default=1.0),
            held=tuple(best),
        )

    def share(self, held: Sequence[float]) -> float:
        """Return the weight of what is held, as a share of the whole question."""
        return sum(w * h for w, h in zip(self.weights, held, strict=True))

    def _share_of_pairs(self, found: set[int]) -> float:
        weights = [a + b for a, b in zip(self.weights, self.weights[1:], strict=False)]
        return sum(weights[n] for n in found) / (sum(weights) or 1.0)

    def _collect(self, text: str, held: list[float], pairs: set[int] | None = None) -> bool:
        """Note in `held` what the text holds, and in `pairs` neighbours; tell if it holds any."""
        found, before = False, -2
        seen = self._seen
        for word in _WORD.findall(text.lower()):
            credits = seen[word] if word in seen else self._credits_of(word)
            if credits is None:  # a stop word separates nothing
                continue
            here = -2
            for index, credit in credits:
                found = True
                held[index] = max(held[index], credit)
                if credit >= _EXACT:
                    here = index
                    if pairs is not None and index == before + 1:
                        pairs.add(before)
            before = here
        return found

    def _credits_of(self, word: str) -> tuple[tuple[int, float], ...] | None:
        plain = word.replace("\u2019", "'")
        credits: tuple[tuple[int, float], ...] | None
        own = self._credits.get(stem(word)) or self._credits.get(word)
        if own is None and plain in STOP_WORDS:
            credits = None
        else:
            credits = own if own is not None else self._alike(stem(word))
        self._seen[word] = credits
        return credits

    def _all_credits(self) -> dict[str, tuple[tuple[int, float], ...]]:
        found: dict[str, dict[int, float]] = {}
        for index, own in enumerate(self.stems):
            others = {**near_stems(own), **self._also.get(own, {}), own: _EXACT}
            for other, credit in others.items():
                entry = found.setdefault(other, {})
                entry[index] = max(entry.get(index, 0.0), credit)
        return {other: tuple(entry.items()) for other, entry in found.items()}

    def _alike(self, other: str) -> tuple[tuple[int, float], ...]:
        """Return the words of the question that begin as a stem does."""
        return tuple(
            (index, _ALIKE)
            for index, own in enumerate(self.stems)
            if len(own) >= _SHORTEST_BEGINNING
            and len(other) <= len(own) + _LONGEST_ENDING
            and other.startswith(
                own[: max(_SHORTEST_BEGINNING, math.ceil(_BEGINS_ALIKE * len(own)))]
            )
        )
