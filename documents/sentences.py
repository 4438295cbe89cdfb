"""Where sentences begin and end, by rules for many scripts, in time linear in the text.

It relies on what `ExtractedPage.text` promises: a line end ends a sentence, since the lines of one
paragraph are joined.
"""

import re
from collections.abc import Iterator

_LINE = re.compile(r"\S[^\n]*")
_WORD_CHARACTER = re.compile(r"[^\W_]")
# One or more marks in a row; a comma or letter right after them is looked at below.
_MARKS = re.compile(r"[.!?…‽⁇⁈⁉。！？｡．؟۔।॥։።፧፨၊။។៕᠃᠉⸮]+")
# Closing quotation marks and brackets, and the numbers of notes: "said.”[12]".
_BEHIND_MARKS = re.compile(r"[\"'”’»›)\]}）」』】》〉〕＂＇]{0,4}(?:\[\d{1,3}\]){0,4}")
# These end a sentence wherever they stand: their scripts put no space behind them.
_WITHOUT_SPACE = frozenset("。！？｡।॥։።፧፨။។៕᠃᠉؟۔⁇⁈⁉")
_OPENERS = "\"'“‘«‹([{（「『【《〈〔„‚¿¡"
_BEFORE = re.compile(r"[^\W_]+(?:\.[^\W_]+)*$")  # the word before the mark, with inner dots
_LEADER = re.compile(r"\. \.")  # dots between an entry and its page number
_LIST_NUMBER = re.compile(r"\s*(?:[-*•]\s+)?\(?(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z]|[ivxlIVXL]{1,5})$")
_LOOK_BACK = 24

# Abbreviations after which a sentence goes on.
_TITLES_AND_REFERENCES = frozenset(
    """mr mrs ms dr prof st rev gen col sgt capt lt hon messrs mt fig figs eq eqs sec sect ch chap
    vol no nos nr art arts par para pt p pp ed eds al cf e.g eg i.e ie viz vs v approx ca circa resp
    est max min tel ext dept univ assn bros jan feb mar apr jun jul aug sep sept oct nov dec mon tue
    wed thu fri sat sun z.b zb d.h dh u.a ua o.ä s.o s.u bzw bspw vgl ggf evtl inkl exkl zzgl abs
    ziff kap tab abb anm hr fr frau str bd hrsg mio mrd std min sog gem lt zt z.t i.d.r u.u p.ex
    mme mlle mm me av env sr sra srta ud uds dña pág págs núm tel cap art sig sigg dott ing ecc
    bv nl dhr mevr blz o.a m.b.t t.a.v nb""".split()
)
# Abbreviations that a sentence often ends with; a capital letter after them decides.
_MAY_END = frozenset(
    """inc ltd co corp llc plc gmbh ag etc usw jr sr esq a.m p.m am pm ph.d b.a m.a b.sc
    m.sc bc ad b.c a.d jh jhs""".split()
)
_ALSO_WORDS = frozenset("no art min max may sun mar me fr ed est".split())
_COUNTRIES = frozenset("u.s u.k u.n e.u u.s.a d.c".split())
_INITIALS = re.compile(r"[^\W\d_](?:\.[^\W\d_])+$")
_SENTENCE_STARTERS = frozenset(
    """the a an this that these those it its he she we they you i in on at for from if when while
    after before as by to with there here our your their his her all no not but and""".split()
)
_MONTHS = frozenset(
    """januar jänner februar märz april mai juni juli august september oktober november dezember
    january february march may june july october december""".split()
)


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Return the spans of the sentences of text[start:end], in order, without outer blanks.

    Every character that is not blank is in exactly one span.
    """
    spans = []
    for line in _LINE.finditer(text, start, len(text) if end is None else end):
        begin = line.start()
        for stop in (*_ends(text, line.start(), line.end()), line.end()):
            first, last = _without_blanks(text, begin, stop)
            if first < last:
                spans.append((first, last))
            begin = stop
    return spans


def _ends(text: str, start: int, end: int) -> Iterator[int]:
    """Yield where sentences end inside a line."""
    has_word = False  # dots between an entry and its page number are no sentences
    looked_to = start
    for marks in _MARKS.finditer(text, start, end):
        if not has_word:
            has_word = _WORD_CHARACTER.search(text, looked_to, marks.start()) is not None
            looked_to = marks.end()
        after = _BEHIND_MARKS.match(text, marks.end(), end).end()  # type: ignore[union-attr]
        if after >= end:
            return
        if has_word and (
            marks[0][-1] in _WITHOUT_SPACE
            or (text[after].isspace() and _is_end(text, start, marks, after, end))
        ):
            yield after
            start, has_word = after, False


def _is_end(text: str, start: int, marks: re.Match[str], after: int, end: int) -> bool:
    """Tell whether a mark that a blank follows ends the sentence that begins at `start`."""
    following = _following_word(text, after, end)
    if not following:
        return True
    if following[0].islower() or _LEADER.search(text[max(start, after - 3) : after + 2]):
        return False
    if marks[0] != ".":
        return following[0] not in ",;:"
    if after > marks.end():  # a quotation or a bracket closes here: "(etc.) The"
        return True
    if marks.start() - start < _LOOK_BACK and _LIST_NUMBER.match(text[start : marks.start()]):
        return False  # "1. Open the door"
    word = _BEFORE.search(text[max(start, marks.start() - _LOOK_BACK) : marks.start()])
    return word is None or _ends_after_word(word[0], following)


def _ends_after_word(word: str, following: str) -> bool:
    """Tell whether a full stop after this word ends the sentence."""
    lowered = word.lower()
    number_follows = following[0].isdigit()
    if lowered in _MAY_END:
        return not number_follows
    if lowered in _TITLES_AND_REFERENCES:
        # Words themselves, unless a number or a name comes: "No. 5", but "The answer is no. Ask".
        return lowered in _ALSO_WORDS and word.islower() and not number_follows
    if len(word) == 1 and word.isalpha():
        # An initial, or the first half of "z. B."; a small letter alone may be an ordinary word.
        return word.islower() and not _is_letter_with_stop(following)
    if _INITIALS.match(word):
        return lowered in _COUNTRIES and following.lower() in _SENTENCE_STARTERS
    if word.isdigit() and len(word) <= 2:
        return following.lower() not in _MONTHS  # 3. Oktober
    return True


def _is_letter_with_stop(word: str) -> bool:
    return len(word) == 2 and word[0].isalpha() and word[1] == "."


def _following_word(text: str, after: int, end: int) -> str:
    """Return the word that begins after a blank, without opening quotation marks."""
    while after < end and (text[after].isspace() or text[after] in _OPENERS):
        after += 1
    stop = after
    while stop < end and stop - after < _LOOK_BACK and not text[stop].isspace():
        stop += 1
    word = text[after:stop]
    return word if _is_letter_with_stop(word) else word.rstrip(".,;:!?") or word


def _without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
