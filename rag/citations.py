"""Lets only citations through that exist, while the answer streams, wherever its pieces are cut."""

import re

_CITATION = re.compile(
    r"\[\s*(?:(?:sources?|passages?|citations?)\s*)?(\d+(?:\s*(?:[,;&\-\u2013\u2014]|and)\s*\d+)*)\s*[,;]?\s*\]",
    re.IGNORECASE,
)
# What can still become a citation: letters, then digits and what joins them.
_POSSIBLE = re.compile(r"\[\s*[A-Za-z]{0,9}\s*(?:[\d\s,;&\-\u2013\u2014]|\b(?:a|an|and)\b)*")
_CUT_OFF = re.compile(r"[\[\s]*[A-Za-z]{0,9}\s*\d[\d\s,;&\-\u2013\u2014]*")
_RANGE = re.compile(r"(\d+)\s*[-\u2013\u2014]\s*(\d+)|(\d+)")
_ODD_BRACKETS = str.maketrans("\u3010\u3011\uff3b\uff3d", "[][]")
_PUNCTUATION = frozenset(".,;:!?)")
_DIGITS = 4  # no answer has more passages; a longer number need not be computed
_LONGEST = 200  # characters that are held back at most
_ENDS_CITED = re.compile(r"\[\d+\]$")
_CITED = re.compile(r"\[(\d{1,4})\]")


class CitationFilter:
    """Rewrites `[n]`, `[1, 2]` and `[1-3]` to `[1][2]`, and drops numbers without a passage.

    Text is held back from an opening bracket until it is clear what it is, so that a bad number
    is never shown, not even in part.

    Args:
        count: passages there are; 1 to `count` may be cited.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._open: list[str] = []  # one entry an open bracket, each beginning with it
        self._blank = ""  # white space that a dropped citation takes with it
        self._after_citation = False
        self._after_drop = False

    def feed(self, text: str) -> str:
        """Return what may be shown now."""
        return "".join(self._step(character) for character in text.translate(_ODD_BRACKETS))

    def finish(self) -> str:
        """Return what was held back; a citation that was cut off is dropped."""
        held, self._open = "".join(self._open), []
        blank, self._blank = self._blank, ""
        if _CUT_OFF.fullmatch(held) or (self._after_drop and not held):
            return ""
        return blank + held

    def _step(self, character: str) -> str:
        if character == "[":
            self._open.append(character)
            return ""
        if not self._open:
            return self._plain(character)
        self._open[-1] += character
        if character == "]":
            return self._close()
        return "" if self._is_possible() else self._release()

    def _is_possible(self) -> bool:
        held = self._open[-1]
        return len(held) <= _LONGEST and _POSSIBLE.fullmatch(held) is not None

    def _plain(self, character: str) -> str:
        if character.isspace():
            if not (self._after_drop and self._blank):
                self._blank += character
            return ""
        return self._emit(character)

    def _emit(self, text: str) -> str:
        blank = self._blank
        if self._after_drop and text[0] in _PUNCTUATION:
            blank = ""
        # SECURITY: `[1](address)` and `[1]: address` would be a link in Markdown, under our number.
        elif self._after_citation and not blank and text[0] in "(:":
            blank = " "
        self._blank, self._after_drop = "", False
        self._after_citation = _ENDS_CITED.search(text) is not None
        return blank + text

    def _close(self) -> str:
        """Decide about the innermost bracket, which has just been closed."""
        closed = self._open.pop()
        match = _CITATION.fullmatch(closed)
        shown = closed if match is None else "".join(f"[{n}]" for n in self._numbers(match[1]))
        if self._open:
            # What is left of it belongs to the bracket around it, which is decided anew: dropping
            # the inner one of "[[9]8]" must not let a "[8]" arise.
            self._open[-1] += shown
            return "" if self._is_possible() else self._release()
        if match is None:
            return self._emit(shown)
        if not shown:
            self._after_drop = True
            return ""
        return self._emit(shown)

    def _release(self) -> str:
        """Show what turned out not to be a citation."""
        text, self._open = "".join(self._open), []
        return self._emit(text)

    def _numbers(self, text: str) -> list[int]:
        found: dict[int, None] = {}
        for first, last, single in _RANGE.findall(text):
            low, high = (_number(single or first), _number(single or last))
            for number in range(max(low, 1), min(high, self._count) + 1):
                found[number] = None
        return list(found)


def _number(digits: str) -> int:
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _DIGITS else 10**_DIGITS


def cited_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers cited in filtered text, in order of first appearance."""
    return tuple(dict.fromkeys(int(number) for number in _CITED.findall(text)))
