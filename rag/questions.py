"""What is asked: quoted phrases, lists, comparisons, and what of a long text is the question."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from documents.sentences import sentences
from rag.words import STOP_WORDS, stems, words

Kind = Literal["plain", "list", "comparison", "several"]

# From here on, an embedding of the whole text would say little of what it asks.
LONG = 600
_LONGEST_PHRASE = 200

_QUOTED = re.compile(
    '"([^"]+)"|\u201c([^\u201c\u201d]+)[\u201d\u201c]|\u201e([^\u201e\u201c\u201d]+)[\u201c\u201d]|\u00ab([^\u00ab\u00bb]+)\u00bb'
)
_POLITE = r"(?:(?:please|can you|could you|would you|i need you to|i want you to)\s+)*"
_LIST = re.compile(
    rf"{_POLITE}(?:"
    r"list\b|enumerate\b|"
    r"(?:name|show|tell|give|find)\s+(?:me\s+|us\s+)?(?:all|every|each|a list)\b|"
    r"what\s+are\s+(?:all|the\s+(?:different|various))\b|which\s+(?:\w+\s+)?are\s+there\b|"
    r"(?:what|which)\s+(?:\w+\s+){0,3}do\s+we\s+have\b"
    r")",
    re.IGNORECASE,
)
_A_AND_B = r"(?P<a>.+?)\s+(?:and|with|to|against|versus|vs\.?|or)\s+(?P<b>.+)"
_COMPARISONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_POLITE}compare\s+{_A_AND_B}",
        r"(?P<before>.*?)\bdifferences?\s+between\s+(?P<a>.+?)\s+and\s+(?P<b>.+)",
        r"how\s+(?:do|does|is|are)\s+(?P<a>.+?)\s+(?:differ|different)\s+from\s+(?P<b>.+)",
        r"(?:what\s+is\s+|how\s+(?:does|do|is|are)\s+)?(?P<a>.+?)\s+(?:in\s+comparison|compares?d?)\s+"
        r"(?:to|with)\s+(?P<b>.+)",
        r"(?P<a>.+?)\s+(?:versus|vs\.?)\s+(?P<b>.+)",
    )
)
_TWO_QUESTIONS = re.compile(
    r"(?P<first>(?:\w+\s+)?(?:how|what|who|whom|when|where|which|why|is|are|do|does|may|can|must)\b.+?),?"
    r"\s+and\s+(?P<second>(?:(?:for|to|by|at|in)\s+)?(?:how|what|who|whom|when|where|which|why)\b.+)",
    re.IGNORECASE,
)
_LEANS = re.compile(
    r"\b(?:it|its|they|them|their|he|him|his|she|her|this|that|these|those)\b", re.I
)
_PREPOSITION = re.compile(r"\s(?:in|for|of|at|on|from|by|under|during|between)\s", re.IGNORECASE)
_BEGINS_WITH_PREPOSITION = re.compile(r"(in|for|of|at|on|from|by|under|during)\s", re.IGNORECASE)
# Who asks such a sentence wants to know; others in a long text are a figure of speech.
_PERSONAL = re.compile(r"\b(?:I|my|me|mine|you|your|please)\b")
_CLOSING = 2  # last sentences of a long text that may ask: the very last may be thanks
_FEW_WORDS = 3
# Passages for a comparison, and for a list, which may take a row from each.
_MORE = {"comparison": 2, "several": 2, "list": 3}
# "Which benefits start after probation?" wants each of them, where a table tells.
_WHICH = re.compile(
    rf"{_POLITE}(?:(?:which|what)\s+(?!was|does|has)(?:\w+\s+){{0,2}}?\w+[^s\W]s\b\s+\w|"
    r"what\s+are\s+(?:the\s+|our\s+)?(?:\w+\s+){0,3}?\w+[^s\W]s\b)",
    re.IGNORECASE,
)
# Who asks is an employee like everybody; an apprentice or a contractor would be something else.
_ANYBODY = (
    r"(?:(?:new|normal|regular|ordinary|simple|current)\s+)*(?:employee|worker|colleague|"
    r"staff\s+member|member\s+of\s+staff|team\s+member|hire|joiner|starter|newcomer)"
)
_ASKER = re.compile(
    rf"[,;]?\s+as\s+(?:an?\s+)?{_ANYBODY}\b|"
    rf"^(?:as\s+(?:an?\s+)?{_ANYBODY}|i(?:'|\u2019|\s+a)m\s+(?:an?\s+)?(?:{_ANYBODY}|new(?:\s+here)?))\b"
    r"\s*[,.;:]?\s*(?:and\s+)?",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"(?:the|a|an|my|our|your)\s", re.IGNORECASE)
_ENDS = " \t\n?.!,;:"


@dataclass(frozen=True)
class Question:
    """A question, understood as far as searching needs.

    Attributes:
        text: as it was asked.
        kind: what kind of answer it wants.
        phrases: what it quotes; these words have to stand in what is found.
        subjects: what is to be answered, each on its own: two for a comparison, or for a question
            that asks two things; else the focus.
    """

    text: str
    kind: Kind = "plain"
    phrases: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()

    @property
    def searches(self) -> tuple[str, ...]:
        """What is searched: all of it as a whole too, since one passage may answer it itself."""
        return (self.text, *self.subjects) if len(self.subjects) > 1 else self.subjects


def understand(text: str) -> Question:
    """Return what is asked; a text without any sign of more is a plain question."""
    phrases = _phrases(text)
    sides = _compared(text)
    if sides:
        return Question(text, "comparison", phrases, sides)
    kind: Kind = "list" if _LIST.match(text.strip()) else "plain"
    if parts := _parts(text):
        return Question(text, "several", phrases, parts)
    return Question(text, kind, phrases, (_focus(text),))


def wants_each(subject: str) -> bool:
    """Tell whether each thing that fits is wanted, as far as rows of a table say so."""
    return bool(_LIST.match(subject.strip()) or _WHICH.match(subject.strip()))


def _parts(text: str) -> tuple[str, ...]:
    """Return the two questions of "How long are they kept, and who may view them?", or nothing."""
    match = _TWO_QUESTIONS.fullmatch(" ".join(text.split())) if len(text) <= LONG else None
    if match is None or len(match["second"].split()) < _FEW_WORDS:
        return ()
    first, second = match["first"], match["second"]
    topic = [word for word in dict.fromkeys(words(first)) if word not in STOP_WORDS]
    if _LEANS.search(second) or not stems(second):
        second = f"{second.rstrip(_ENDS)} ({' '.join(topic)})"
    return (first, second) if topic else ()


def _phrases(text: str) -> tuple[str, ...]:
    """Return what has to stand word for word; in a long text, quotation marks ask for nothing."""
    if len(text) > LONG:
        return ()
    found = (
        " ".join(next(filter(None, match.groups())).split()) for match in _QUOTED.finditer(text)
    )
    wanted = (phrase.strip(_ENDS) for phrase in found if len(phrase) <= _LONGEST_PHRASE)
    return tuple(dict.fromkeys(phrase for phrase in wanted if _tells(phrase)))


def _tells(phrase: str) -> bool:
    """Tell whether it is more than a word that nearly every passage has, such as "with"."""
    return bool(phrase) and not set(phrase.lower().split()) <= STOP_WORDS


def _compared(text: str) -> tuple[str, ...]:
    """Return the two sides of a comparison, each with the words that they share; or nothing."""
    if len(text) > LONG:
        return ()
    said = " ".join(text.split()).strip(_ENDS)
    for pattern in _COMPARISONS:
        if match := pattern.fullmatch(said):
            a, b = match["a"].strip(_ENDS), match["b"].strip(_ENDS)
            if a and b:
                return _completed(a, b)
    return ()


def _completed(a: str, b: str) -> tuple[str, str]:
    """Put in what one side leaves to the other: "leave in France" and "Spain"."""
    of_a, of_b = _PREPOSITION.search(f" {a} "), _PREPOSITION.search(f" {b} ")
    opening = _BEGINS_WITH_PREPOSITION.match(b)
    if of_a and opening:
        return a, f"{a[: of_a.start()].strip()} {b}"
    if of_a and not of_b and len(b.split()) <= _FEW_WORDS:
        return a, f"{a[: of_a.end() - 1].strip()} {b}"
    if of_b and not of_a and len(a.split()) <= _FEW_WORDS:
        return f"{a} {b[of_b.start() :].strip()}", b
    return _with_tail(a, b), b


def _with_tail(a: str, b: str) -> str:
    """Return the first side with what both share at the end: "Ghent" of "Ghent and Porto parking".

    A word in the plural is complete by itself, as in "laptops and mobile phones".
    """
    tail = b.split()[len(a.split()) :]
    is_short = len(a.split()) == 1 or a[:1].isupper()
    if not tail or not is_short or _ARTICLE.match(b) or (a.islower() and a.endswith("s")):
        return a
    if {word.lower() for word in a.split()} & {word.lower() for word in tail}:
        return a
    return " ".join((a, *tail))


def _focus(text: str) -> str:
    """Return the text without what only says who asks; of a long one the sentences that ask."""
    if len(text) <= LONG:
        rest = _ASKER.sub("", text.strip())
        return rest if stems(rest) else text
    parts = [text[start:end] for start, end in sentences(text)]
    edges = {0, *range(len(parts) - _CLOSING, len(parts))}
    asking = [
        part
        for place, part in enumerate(parts)
        if part.endswith("?") and (place in edges or _PERSONAL.search(part))
    ]
    return " ".join(asking)[-LONG:] if asking else text


def passages_wanted(text: str, *, usual: int, most: int) -> int:
    """Return how many passages the answer should rest on: a list or a comparison needs more."""
    return max(usual, min(_MORE.get(understand(text).kind, 1) * usual, most))


def not_found(phrases: Sequence[str]) -> str:
    """Say that nothing holds what the question quotes."""
    quoted = " and ".join(f"\u201c{phrase}\u201d" for phrase in phrases)
    together = " together" if len(phrases) > 1 else ""
    return (
        f"I don't know: no document that you can read has a passage with {quoted}{together}. "
        "Without the quotation marks I look for similar words too."
    )
