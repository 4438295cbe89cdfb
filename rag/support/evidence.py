"""What a few passages have to say to one claim: by words, and exactly by its facts."""

from collections.abc import Sequence
from dataclasses import dataclass

from documents.dates import FoundDate
from documents.sentences import sentences
from rag.quantities import Quantity
from rag.support.facts import (
    Facts,
    Name,
    facts_of,
    holds_date,
    holds_name,
    holds_quantity,
    holds_value,
)
from rag.support.polarity import agreed, contradicts
from rag.support.sentences import PassageFacts, PassageSentence
from rag.support.verdicts import Flag, Kind

# Sentences that may say together what the claim says in one.
_MOST_SENTENCES = 3
# Stems of the claim that a further sentence has to bring, and their share: a single name would
# always be found somewhere.
_WORTH_ADDING, _SHARE_WORTH_ADDING = 2, 0.15
# From this share of its stems in one sentence a claim speaks of what that sentence speaks of, so
# that a "not" in only one of them matters.
_SAME_MATTER = 0.6
_SUBSTITUTED = 0.7  # as much of the rest of the sentence stands where the name does not


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against a claim.

    Attributes:
        share: of the claim's stems that stand in the sentences, their headings and titles.
        sentences: those that say most of it, the best first, each with the index of its passage.
        hard: flags that no likeness of words makes up for.
        soft: flags of what stands in the passages, but in another sentence.
    """

    share: float
    sentences: tuple[tuple[int, PassageSentence], ...]
    hard: tuple[Flag, ...] = ()
    soft: tuple[Flag, ...] = ()


def weigh(claim: Facts, held: Sequence[PassageFacts], others: Sequence[PassageFacts]) -> Evidence:
    """Compare a claim with passages that may say it together.

    Args:
        others: the passages that may not, to say where else a fact stands.
    """
    chosen = _choose(claim, held)
    around = [passage.around for passage in held]
    window = [sentence.facts for _, sentence in chosen]
    covered = frozenset().union(*(facts.stems for facts in (*window, *around)))
    covered |= agreed(claim.polarity, window[0].polarity) if window else frozenset()
    share = len(claim.stems & covered) / len(claim.stems) if claim.stems else 1.0
    facts = _FactCheck(
        window, around, [one.whole for one in held], [one.whole for one in others], [], []
    )
    for quantity in claim.quantities:
        if not quantity.is_vague:
            facts.check_number(quantity)
    for date in claim.dates:
        facts.check_date(date)
    for name in claim.names:
        facts.check_name(claim, name)
    if window and _denies(claim, window[0]):
        facts.hard.append(Flag("negation", "", "The passage says the opposite."))
    return Evidence(share, tuple(chosen), _once(facts.hard), _once(facts.soft))


@dataclass(frozen=True)
class _FactCheck:
    """Where the facts of a claim may stand, and what was found out about them.

    Attributes:
        window: the sentences that say most of the claim.
        around: titles and headings of their passages.
        whole: those passages.
        elsewhere: the other passages.
    """

    window: Sequence[Facts]
    around: Sequence[Facts]
    whole: Sequence[Facts]
    elsewhere: Sequence[Facts]
    hard: list[Flag]
    soft: list[Flag]

    def check_number(self, quantity: Quantity) -> None:
        near = (*self.window, *self.around)
        if holds_quantity(near, quantity):
            return
        if quantity.dimension and holds_value(near, quantity):
            reason = f"{quantity.text} stands in the passage with another unit."
            self.hard.append(Flag("unit", quantity.text, reason))
            return
        self._missing(
            "number",
            quantity.text,
            holds_quantity(self.whole, quantity),
            holds_value(self.elsewhere, quantity),
        )

    def check_date(self, date: FoundDate) -> None:
        if not holds_date((*self.window, *self.around), date):
            self._missing(
                "date", date.text, holds_date(self.whole, date), holds_date(self.elsewhere, date)
            )

    def check_name(self, claim: Facts, name: Name) -> None:
        if holds_name((*self.window, *self.around), name):
            return
        stands = holds_name(self.whole, name)
        if stands and not (self.window and _stands_in_place_of_another(claim, self.window[0])):
            return  # "He" in the passage may be called by his name in the answer
        self._missing("name", name.text, stands, holds_name(self.elsewhere, name))

    def _missing(self, kind: Kind, text: str, stands: bool, is_elsewhere: bool) -> None:
        if stands:
            reason = f"{text} stands in the passage, but in another sentence."
            self.soft.append(Flag(kind, text, reason))
        else:
            where = "in another passage only" if is_elsewhere else "in no passage"
            self.hard.append(Flag(kind, text, f"{text} stands {where}."))


def _choose(claim: Facts, held: Sequence[PassageFacts]) -> list[tuple[int, PassageSentence]]:
    """Return the sentences that cover the claim's words, as few as do."""
    left = set(claim.stems)
    candidates = [
        (index, sentence) for index, passage in enumerate(held) for sentence in passage.sentences
    ]
    chosen: list[tuple[int, PassageSentence]] = []
    while candidates and len(chosen) < _MOST_SENTENCES:
        best = max(candidates, key=lambda each: _gain(claim, left, each[1].facts))
        new = len(left & best[1].facts.stems)
        if chosen and new < max(_WORTH_ADDING, _SHARE_WORTH_ADDING * len(claim.stems)):
            break
        if not chosen and not new and not _gain(claim, left, best[1].facts):
            break
        chosen.append(best)
        candidates.remove(best)
        left -= best[1].facts.stems
    return chosen


def _gain(claim: Facts, left: set[str], sentence: Facts) -> float:
    """Return how many words a sentence brings; among equals, how alike it is, and its numbers."""
    numbers = sum(holds_quantity([sentence], quantity) for quantity in claim.quantities)
    dates = sum(holds_date([sentence], date) for date in claim.dates)
    together = len(claim.stems | sentence.stems) or 1
    return (
        len(left & sentence.stems)
        + 0.5 * len(claim.stems & sentence.stems) / together
        + 0.3 * (numbers + dates)
    )


def _stands_in_place_of_another(claim: Facts, sentence: Facts) -> bool:
    """Tell whether a sentence is the claim with other names in it."""
    named = {name.key for name in sentence.names} - {name.key for name in claim.names}
    shared = len(claim.stems & sentence.stems) / max(1, len(claim.stems))
    return bool(named - claim.tokens) and shared >= _SUBSTITUTED


def _denies(claim: Facts, sentence: Facts) -> bool:
    shared = len(claim.stems & sentence.stems) / max(1, len(claim.stems))
    return (
        shared >= _SAME_MATTER
        and contradicts(claim.polarity, sentence.polarity)
        and contradicts(claim.polarity, _nearest_part(claim, sentence).polarity)
    )


def _nearest_part(claim: Facts, sentence: Facts) -> Facts:
    """Return the sentence that speaks of the claim, of a row of a table that holds several.

    What another one denies says nothing of it.
    """
    parts = [facts_of(sentence.text[start:end]) for start, end in sentences(sentence.text)]
    return max(parts, key=lambda part: len(claim.stems & part.stems), default=sentence)


def _once(flags: Sequence[Flag]) -> tuple[Flag, ...]:
    return tuple({(flag.kind, flag.text): flag for flag in flags}.values())
