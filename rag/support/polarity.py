"""What a sentence denies, and which of two opposites it says."""

import re
from dataclasses import dataclass

from rag.words import stem

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
# What denies nothing, and what says the same as one word.
_PHRASES = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (r"\b(?:no|not) (?:less|fewer|earlier|sooner) than\b|\bat (?:the )?least\b", " atleast "),
        (r"\b(?:no|not) (?:more|longer|later) than\b|\bat (?:the )?most\b", " atmost "),
        (r"\bnot (?:only|just|merely)\b|\bno matter\b|\bwhether or not\b", " "),
    )
)
# Words that a denial passes over.
_PASSED_OVER = frozenset(
    """a an the is are was were be been being am has have had do does did will would can could may
    might must shall should it its he she they them their his her we our you your this that these
    those any of to in on at by for as one""".split()  # noqa: SIM905
)

# Words that say the opposite of each other about the same thing, a pair a line.
_PAIRS = """
allowed permitted allow permit | forbidden prohibited banned forbid prohibit ban
increase rise grow increased rose grew raised raise | decrease fall shrink fell shrank drop reduce
minimum atleast | maximum atmost
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
_BOUNDS = frozenset(map(stem, ("atleast", "above", "more", "before")))
_OPPOSITES = tuple(
    tuple(frozenset(map(stem, side.split())) for side in line.split("|"))
    for line in _PAIRS.strip().splitlines()
)


@dataclass(frozen=True)
class Polarity:
    """What of a sentence can be turned into its opposite.

    Attributes:
        words: stems of all its words, stop words too.
        denied: stems of the words that a negator speaks of; `heads`: the first for each negator.
        count: negators.
    """

    words: frozenset[str]
    denied: frozenset[str]
    heads: frozenset[str]
    count: int


def polarity_of(text: str) -> Polarity:
    """Return what the text denies."""
    for phrase, word in _PHRASES:
        text = phrase.sub(word, text)
    said: set[str] = set()
    denied: set[str] = set()
    heads: set[str] = set()
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
            if left and word not in _PASSED_OVER:
                denied.add(stem(word))
                if left == _WORDS_DENIED:
                    heads.add(stem(word))
                left -= 1
    return Polarity(frozenset(said), frozenset(denied), frozenset(heads), count)


def contradicts(claim: Polarity, source: Polarity, *, in_bounds: bool = True) -> bool:
    """Tell whether one denies what the other says, about words that both use.

    Args:
        in_bounds: whether "at least" is the opposite of "at most", as for the same number.
    """
    shared = claim.words & source.words
    if claim.count != source.count and (claim.heads ^ source.heads) & shared:
        return True
    return any(
        _oppose(claim, source, left, right)
        for left, right in _OPPOSITES
        if in_bounds or not left & _BOUNDS
    )


def agreed(claim: Polarity, source: Polarity) -> frozenset[str]:
    """Return the claim's stems that the source says by their opposite, denied."""
    found: frozenset[str] = frozenset()
    for left, right in _OPPOSITES:
        mine, theirs = _sides(claim, left, right), _sides(source, left, right)
        if mine and mine == theirs:
            found |= (left | right) & claim.words
    return found


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
