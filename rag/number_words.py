"""Numbers written out: the one table of their words, and what a row of them says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_UNDER_TWENTY = tuple(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen""".split()  # noqa: SIM905 - reads better than a column
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_FROM_THIRD = tuple(
    """third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
    fifteenth sixteenth seventeenth eighteenth nineteenth twentieth""".split()  # noqa: SIM905
)
_SMALL = {word: number for number, word in enumerate(_UNDER_TWENTY)} | {
    word: 10 * number for number, word in enumerate(_TENS, start=2)
}
SCALES = {
    "hundred": 100,
    "thousand": 1_000,
    "million": 1_000_000,
    "billion": 1_000_000_000,
    "trillion": 1_000_000_000_000,
}
# "First" and "second" are words too often.
ORDINALS = {word: number for number, word in enumerate(_FROM_THIRD, start=3)}
NUMBER_WORDS = (*_SMALL, *SCALES)

_WORD = "|".join(NUMBER_WORDS)
_ROW = re.compile(
    rf"\b(?:an?\s+(?=(?:{'|'.join(SCALES)})\b))?(?:{_WORD})(?:(?:[\s-]+and[\s-]+|[\s-]+)(?:{_WORD}))*\b",
    re.IGNORECASE,
)
_PART = re.compile(r"[a-z]+", re.IGNORECASE)


@dataclass(frozen=True)
class SpeltNumber:
    """A number in words, where it stands: characters into the text.

    Attributes:
        words: of it, without "a" and "and", in lower case.
    """

    start: int
    end: int
    value: int
    words: tuple[str, ...]

    @property
    def is_vague(self) -> bool:
        """Whether it may be no number at all: "one of them", "thousand thanks"."""
        return len(self.words) == 1 and (self.words[0] == "one" or self.words[0] in SCALES)


def spelt_numbers(text: str) -> Iterator[SpeltNumber]:
    """Yield the numbers in words, in order; of "twenty and thirty" both."""
    for row in _ROW.finditer(text):
        reading = _Reading(row.start())
        for part in _PART.finditer(text, row.start(), row.end()):
            word = part[0].lower()
            if word in ("a", "an", "and"):
                reading.is_joined = word == "and"
            else:
                if not reading.takes(word):
                    yield reading.number()
                    reading = _Reading(part.start())
                reading.add(word, part.end())
        yield reading.number()


def spelt(number: int) -> str | None:
    """Return a number below a hundred in words, None for another."""
    if not 0 <= number < 100:
        return None
    if number < len(_UNDER_TWENTY):
        return _UNDER_TWENTY[number]
    tens, unit = divmod(number, 10)
    return f"{_TENS[tens - 2]} {_UNDER_TWENTY[unit]}" if unit else _TENS[tens - 2]


class _Reading:
    """A number that is being read, word by word."""

    def __init__(self, start: int) -> None:
        self._start, self._end = start, start
        self._words: list[str] = []
        self._total = self._current = 0
        self.is_joined = False  # by "and", which stands behind hundreds and thousands alone

    def takes(self, word: str) -> bool:
        """Tell whether a word goes on with the number: "twenty" takes "one", not "twenty"."""
        if not self._words:
            return True
        if self.is_joined and self._words[-1] not in SCALES:
            return False
        if word in _SMALL:
            return self._takes_small(_SMALL[word])
        if self.is_joined:
            return False
        if word == "hundred":
            return 0 < self._current < 100
        return self._current > 0 and not 0 < self._total < SCALES[word]

    def _takes_small(self, value: int) -> bool:
        if not value or not (self._total or self._current):
            return False
        rest = self._current % 100
        return rest == 0 or (rest >= 20 and rest % 10 == 0 and value < 10)

    def add(self, word: str, end: int) -> None:
        """Go on with a word that it takes."""
        if word in _SMALL:
            self._current += _SMALL[word]
        elif word == "hundred":
            self._current = max(1, self._current) * 100
        else:
            self._total += max(1, self._current) * SCALES[word]
            self._current = 0
        self._words.append(word)
        self._end, self.is_joined = end, False

    def number(self) -> SpeltNumber:
        """Return what has been read."""
        return SpeltNumber(self._start, self._end, self._total + self._current, tuple(self._words))
