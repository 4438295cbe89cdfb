"""Makes paragraphs, list items, rows and headings of the printed lines of PDF pages."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from documents.extraction.base import ExtractedPage, Heading
from documents.extraction.cleaning import clean_characters, tidy_lines
from documents.extraction.pdf_lines import Line

_MARKER = re.compile(
    r"(?:[•●○◦▪▫■□‣⁃∙·*–—\-\uf0b7\uf0a7]|\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)])\s"
)
_NUMBERED = re.compile(r"\d{1,2}(?:\.\d{1,2}){0,3}\.?\s+\S")
_SENTENCE_END = re.compile(r"[.!?:;。！？؟।…]['\"’”»)\]]*$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LAST_WORD = re.compile(r"[^\W\d_]+$")
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff00-\uffef、。]")
_WIDE = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af]")  # a syllable or word each
_BEFORE_HEADINGS = "§\"'“‘«¿¡([#"
_DIGITS = re.compile(r"\d+")
_LONGEST_HEADING = 150
_HEADING_LEADING = 1.5  # line heights between the lines of one heading
_NARROW = 12  # line heights; a column in which words do not wrap for lack of room
_REPEATED_PAGES = 5
_REPEATED_SHARE = 0.6


@dataclass(frozen=True)
class Typography:
    """What holds for the whole document.

    Attributes:
        body: height of most of its characters in points.
        levels: (size, bold) of headings -> level.
        words: all words in small letters, to tell a broken word from a compound.
        furniture: headers and footers that come back on most pages, numbers as "#".
    """

    body: float
    levels: dict[tuple[float, bool], int]
    words: frozenset[str]
    furniture: frozenset[str]


def typography(pages: Sequence[Sequence[Line]]) -> Typography:
    """Measure the document."""
    sizes: Counter[float] = Counter()
    bold: Counter[bool] = Counter()
    for line in (line for page in pages for line in page):
        sizes[_rounded(line.size)] += len(line.text)
        bold[line.bold] += len(line.text)
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    mostly_bold = bold[True] > bold[False]
    looks = {
        (_rounded(line.size), line.bold)
        for page in pages
        for line in page
        if _stands_out(line, body, mostly_bold=mostly_bold)
    }
    return Typography(
        body=body,
        levels=_levels(looks),
        words=_whole_words(pages),
        furniture=_furniture(pages),
    )


def page_text(number: int, lines: Sequence[Line], typography: Typography) -> ExtractedPage:
    """Lay out the text of a page."""
    kept = [
        line
        for line in lines
        if not (line.in_margin and _without_numbers(line.text) in typography.furniture)
    ]
    leading = _leading(kept)
    pieces: list[str] = []
    headings: list[Heading] = []
    length = 0
    last: Line | None = None
    for block in _blocks(kept, leading, typography):
        text = tidy_lines(_joined(block, typography.words)).replace("\n", " ")
        if not text:
            continue
        level = _heading_level(block, text, typography)
        if last is not None:
            after_heading = bool(headings) and headings[-1].offset + len(pieces[-1]) == length
            apart = level or after_heading or _is_apart(last, block[0], leading)
            pieces.append("\n\n" if apart else "\n")
            length += len(pieces[-1])
        if level:
            headings.append(Heading(length, level, text))
        pieces.append(text)
        length += len(text)
        last = block[-1]
    return ExtractedPage(number, "".join(pieces), tuple(headings))


def _levels(looks: set[tuple[float, bool]]) -> dict[tuple[float, bool], int]:
    """Rank the looks of headings, the largest first; nearly the same size is the same level.

    The height of a line depends a little on its letters' fonts.
    """
    levels: dict[tuple[float, bool], int] = {}
    level, largest, weight = 0, 0.0, True
    for size, bold in sorted(looks, reverse=True):
        if size < 0.92 * largest or bold != weight or not level:
            level, largest, weight = level + 1, size, bold
        levels[size, bold] = min(level, 6)
    return levels


def _whole_words(pages: Sequence[Sequence[Line]]) -> frozenset[str]:
    """Return the words that no line end breaks."""
    words: set[str] = set()
    for page in pages:
        broken = False
        for line in page:
            found = _WORD.findall(line.text.lower())
            breaks = line.hyphenated or _ends_in_hyphen(line.text)
            words.update(found[1 if broken else 0 : -1 if breaks else None])
            broken = breaks
    return frozenset(words)


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _stands_out(line: Line, body: float, *, mostly_bold: bool) -> bool:
    return line.size >= 1.12 * body or (line.bold and not mostly_bold and line.size >= 0.95 * body)


def _furniture(pages: Sequence[Sequence[Line]]) -> frozenset[str]:
    """Return the lines in the margins that most pages share."""
    if len(pages) < _REPEATED_PAGES:
        return frozenset()
    counts: Counter[str] = Counter()
    for page in pages:
        counts.update({_without_numbers(line.text) for line in page if line.in_margin})
    return frozenset(
        text for text, count in counts.items() if count >= _REPEATED_SHARE * len(pages)
    )


def _without_numbers(text: str) -> str:
    return _DIGITS.sub("#", text)


def _leading(lines: Sequence[Line]) -> float:
    """Return the usual distance of two lines of a paragraph, in line heights."""
    steps = [
        (line.baseline - following.baseline) / line.size
        for line, following in pairwise(lines)
        if _alike(line, following) and 0.5 < (line.baseline - following.baseline) / line.size < 2.5
    ]
    return median(steps) if steps else 1.2


def _alike(line: Line, other: Line) -> bool:
    return abs(line.size - other.size) <= 0.15 * max(line.size, other.size)


def _is_apart(line: Line, following: Line, leading: float) -> bool:
    step = line.baseline - following.baseline
    return not 0 < step <= 1.25 * leading * max(line.size, following.size)


def _blocks(lines: Sequence[Line], leading: float, typography: Typography) -> Iterable[list[Line]]:
    """Yield what belongs together: the lines of a paragraph, of a list item, of a heading."""
    group: list[Line] = []
    for line in lines:
        if group and not _may_continue(group, line, leading, typography):
            yield from _paragraphs(group)
            group = []
        group.append(line)
    if group:
        yield from _paragraphs(group)


def _may_continue(
    group: Sequence[Line], line: Line, leading: float, typography: Typography
) -> bool:
    """Tell whether size, place and spacing allow the line to go on with the group."""
    last = group[-1]
    if last.hyphenated:
        return True
    is_row = " | " in last.text or " | " in line.text
    if is_row or _MARKER.match(line.text) or last.bold != line.bold or not _alike(last, line):
        return False
    if last.baseline <= line.baseline:  # the next column
        return line.text[0].islower() and not _SENTENCE_END.search(last.text)
    if last.size >= 1.12 * typography.body:  # a heading, perhaps centred
        near = last.baseline - line.baseline <= _HEADING_LEADING * last.size
        return near and not _NUMBERED.match(line.text)
    return not _is_apart(last, line, leading) and _is_aligned(group, line)


def _is_aligned(group: Sequence[Line], line: Line) -> bool:
    """Tell whether the line begins where the group's next line would."""
    first, last = group[0], group[-1]
    hanging = 3.5 if _MARKER.match(first.text) or _NUMBERED.match(first.text) else 0.7
    from_left = line.left - (first.left if len(group) == 1 else last.left)
    furthest_right = hanging if len(group) == 1 else 0.7
    return -3.5 * line.size <= from_left <= furthest_right * line.size


def _paragraphs(group: Sequence[Line]) -> Iterable[list[Line]]:
    """Cut a group where a line ended though the next word would have had room."""
    right = max(line.right for line in group)
    narrow = right - min(line.left for line in group) < _NARROW * group[0].size
    block = [group[0]]
    for line, following in pairwise(group):
        if _goes_on(line, following, right, narrow=narrow):
            block.append(following)
        else:
            yield block
            block = [following]
    yield block


def _goes_on(line: Line, following: Line, right: float, *, narrow: bool) -> bool:
    if line.hyphenated:
        return True
    if following.text[0].islower() and not _SENTENCE_END.search(line.text):
        return True
    if _mostly_digits(line.text) and _mostly_digits(following.text):
        return False  # rows of a table
    character = (line.right - line.left) / max(1, len(line.text))
    word = len(following.text.split(maxsplit=1)[0]) + 1
    had_room = line.right + word * character < right - 0.3 * line.size
    return not had_room and not narrow


def _mostly_digits(text: str) -> bool:
    return sum(character.isdigit() for character in text) * 2 > len(text.replace(" ", ""))


def _heading_level(block: Sequence[Line], text: str, typography: Typography) -> int:
    """Return the level of a heading, 0 of anything else."""
    look = (_rounded(block[0].size), block[0].bold)
    width = len(text) + 2 * len(_WIDE.findall(text))
    if look not in typography.levels or width > _LONGEST_HEADING or " | " in text:
        return 0
    letters = sum(character.isalpha() for character in text)
    if letters < 3 or letters * 2 < len(text.replace(" ", "")) or text[-1] in ".,;:":
        return 0
    if not (text[0].isalnum() or text[0] in _BEFORE_HEADINGS) or "@" in text:
        return 0
    return 0 if text[0].islower() else typography.levels[look]


def _joined(block: Sequence[Line], words: frozenset[str]) -> str:
    """Return the lines of a paragraph as one, broken words whole again."""
    text = block[0].text
    for line, following in pairwise(block):
        more = following.text
        if line.hyphenated or (_ends_in_hyphen(text) and more[0].islower()):
            text = text.removesuffix("-") + _hyphen_between(text, more, words) + more
        elif _WITHOUT_SPACES.match(text[-1]) and _WITHOUT_SPACES.match(more[0]):
            text += more
        else:
            text += " " + more
    return clean_characters(text)


def _ends_in_hyphen(text: str) -> bool:
    return len(text) > 1 and text[-1] in "-\u00ad" and text[-2].isalpha()


def _hyphen_between(text: str, more: str, words: frozenset[str]) -> str:
    """Return "-" where the break stands in a compound, "" where in a word."""
    before, after = _LAST_WORD.search(text.rstrip("-\u00ad")), _FIRST_WORD.match(more)
    if before is None or after is None:
        return "-"
    first, second = before[0].lower(), after[0].lower()
    if first + second in words:
        return ""
    if f"{first}-{second}" in words or not after[0][0].islower():
        return "-"
    both_words = min(len(first), len(second)) > 2 and first in words and second in words
    return "-" if both_words else ""
