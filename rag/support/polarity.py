"""What a sentence denies, and which of two opposites it says."""

import re
from dataclasses import dataclass

from rag.words import STOP_WORDS, stem

_TOKEN = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*|[,;:.!?()\u2013\u2014]|\n")
_NEGATORS = frozenset(
    [
        "no",
        "not",
        "never",
        "none",
        "nobody",
        "nothing",
        "neither",
        "nor",
        "without",
        "cannot",
        "hardly",
    ]
)
_WORDS_DENIED = 3  # that follow the negator inside its clause
_CLAUSE_ENDS = frozenset(",;:.!?()\u2013\u2014\n") | {"but", "except", "unless", "because"}
_IDLE = re.compile(
    r"\bnot (?:only|just|merely|least)\b|\bno (?:later|sooner|matter)\b|\bwhether or not\b", re.I
)

# Words that say the opposite of each other about the same thing, a pair a line.
_PAIRS = """
allowed permitted allow permit | forbidden prohibited banned forbid prohibit ban
increase rise grow increased rose grew raised raise | decrease fall shrink fell shrank drop reduce
minimum least | maximum most
mandatory compulsory required obligatory | optional voluntary
enabled enable | disabled disable
accepted accept | rejected reject refused refuse declined
always | never
open opened opens | closed close closes
start starts begin begins began started | end ends ended
included include includes including | excluded exclude excludes excluding
paid | unpaid
public | private
internal | external
earliest | latest
higher highest | lower lowest
before | after
above over exceed exceeding | below under
more | less fewer
north northern | south southern
east eastern | west western
win won wins | lose lost loses
male | female
"""
_OPPOSITES = tuple(
    tuple(frozenset(map(stem, side.split())) for side in line.split("|"))
    for line in _PAIRS.strip().splitlines()
)


@dataclass(frozen=True)
class Polarity:
    """What of a sentence can be turned into its opposite.

    Attributes:
        words: stems of all its words, stop words too.
        denied: stems of the words that a negator speaks of.
        count: negators.
    """

    words: frozenset[str]
    denied: frozenset[str]
    count: int


def polarity_of(text: str) -> Polarity:
    """Return what the text denies."""
    text = _IDLE.sub(" ", text)
    said: set[str] = set()
    denied: set[str] = set()
    count = left = 0
    for match in _TOKEN.finditer(text):
        word = match[0].lower().replace("\u2019", "'")
        if word in _CLAUSE_ENDS:
            left = 0
        elif word in _NEGATORS or word.endswith("n't"):
            count += 1
            left = _WORDS_DENIED
        else:
            said.add(stem(word))
            if left and word not in STOP_WORDS:
                denied.add(stem(word))
                left -= 1
    return Polarity(frozenset(said), frozenset(denied), count)


def contradicts(claim: Polarity, source: Polarity) -> bool:
    """Tell whether one denies what the other says, about words that both use."""
    shared = claim.words & source.words
    if claim.denied & shared != source.denied & shared and (claim.count == 0) != (
        source.count == 0
    ):
        return True
    return any(_oppose(claim, source, left, right) for left, right in _OPPOSITES)


def _oppose(claim: Polarity, source: Polarity, left: frozenset[str], right: frozenset[str]) -> bool:
    mine, theirs = _sides(claim, left, right), _sides(source, left, right)
    return len(mine) == len(theirs) == 1 and mine != theirs


def _sides(said: Polarity, left: frozenset[str], right: frozenset[str]) -> set[int]:
    """Return which of two opposites is said: "not allowed" is "forbidden"."""
    sides = set()
    for side, stems in enumerate((left, right)):
        for stem_ in stems & said.words:
            sides.add(1 - side if stem_ in said.denied else side)
    return sides
