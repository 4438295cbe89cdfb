"""What characters a page's text may hold: NFC, visible, with plain spaces and line ends."""

import datetime
import re
import unicodedata

# Typographic ligatures are spelt out, because nobody types them into a question.
_LIGATURES = {
    "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st",
}  # fmt: skip
# Bullets of the Symbol and Wingdings fonts, which come out in the private use area.
_BULLETS = dict.fromkeys(map(chr, (0xF0A7, 0xF0B7, 0xF0A8, 0xF0D8, 0xF0FC, 0xF076)), "•")
_SPACES = dict.fromkeys(
    ["\t", "\u00a0", "\u1680", *map(chr, range(0x2000, 0x200B)), "\u202f", "\u205f"], " "
)
_LINE_ENDS = dict.fromkeys(["\v", "\f", "\x85", "\u2028", "\u2029"], "\n")
# SECURITY: nothing that a reader cannot see reaches a prompt: control characters, zero-width
# spaces, bidirectional overrides and the tag characters that can spell out hidden words. The
# zero-width joiners stay, since Persian and emoji need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060-\u2064\u202a-\u202e\u2066-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_NOT_CHARACTERS = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_TRANSLATION = str.maketrans({**_LIGATURES, **_BULLETS, **_SPACES, **_LINE_ENDS})
_BLANKS = re.compile(r" {2,}")
_AROUND_LINE_END = re.compile(r" *\n *")


def clean_characters(text: str) -> str:
    """Return the text in NFC, with `\\n` as the only line end and nothing that can't be seen."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_TRANSLATION)
    text = _NOT_CHARACTERS.sub("\ufffd", _INVISIBLE.sub("", text))
    return unicodedata.normalize("NFC", text)


def squeeze(text: str) -> str:
    """Return cleaned text on one line, with single spaces between words."""
    return " ".join(clean_characters(text).split())


def tidy_lines(text: str) -> str:
    """Return cleaned text whose lines have single spaces and none at their ends."""
    return _AROUND_LINE_END.sub("\n", _BLANKS.sub(" ", clean_characters(text))).strip()


def iso_date(said: str) -> datetime.date | None:
    """Return the day of an ISO time, None where it is none."""
    try:
        return datetime.date.fromisoformat(said.strip()[:10])
    except ValueError:
        return None
