"""Lets no link, picture or foreign address out of an answer, while it streams.

What a model writes may have been asked for by the author of a document: a picture whose address
carries the question to another server, or a link to click. Pages drop both when they render; this
keeps them out of the text itself, which scripts and chat clients get as Markdown.
"""

import re
from collections.abc import Iterable

LEFT_OUT = "(address left out)"

_LONGEST = 4_000  # characters that are held back at most
_CONTEXT = 4  # characters before that decide what the next ones are

_SCHEMES = ("https://", "http://", "ftp://", "www.", "javascript:", "data:", "vbscript:", "mailto:")
_REST = r"[^\s<>\"'`\\|\]\[{}]"
# Of another scheme, what follows its colon.
_BEGIN = rf"(?:(?<!\w)(?:{'|'.join(map(re.escape, _SCHEMES))})|(?<![\w/])//)"
_ADDRESS = re.compile(rf"{_BEGIN}{_REST}+", re.IGNORECASE)
_TRAILING = ".,;:!?)*_~'\"\u201d\u2019"
# What is changed, in one pass:
_HARMFUL = re.compile(
    # a tag that loads or leads somewhere, any tag with attributes, an address in angle brackets;
    r"(?P<tag><)(?=/?(?:a|area|audio|base|button|embed|form|frame|iframe|image|img|input|link|math|"
    r"meta|object|picture|script|source|style|svg|track|video)\b"
    r"|/?[a-z][\w-]*[/\s]|[a-z][a-z0-9+.\-]*:|//|[!?])"
    # `](`, which makes a link or a picture, and `]:`, which names the target of one: with a blank
    # between them, neither does;
    r"|(?P<target>(?<=\])(?=[(:]))"
    rf"|(?P<address>{_BEGIN}{_REST}+)",
    re.IGNORECASE,
)
_PREFIXES = {scheme[:length] for scheme in _SCHEMES for length in range(1, len(scheme) + 1)} | {"/"}
# What may become one of these with what comes next: it is held back until that is clear.
_UNCLEAR = re.compile(
    rf"(?:{_BEGIN}{_REST}*"
    rf"|(?<!\w)(?:{'|'.join(re.escape(p) for p in sorted(_PREFIXES, key=len, reverse=True))})"
    r"|<[^\s<>]*)\Z",
    re.IGNORECASE,
)


class AddressFilter:
    """Takes the effect from links, pictures and tags, and leaves out addresses nobody wrote.

    An address that stands in a passage stays, as text: it may be the answer ("the form is at …").
    One that does not was made up, or carries something away.

    Args:
        passages: the texts that the answer is made from.
    """

    def __init__(self, passages: Iterable[str]) -> None:
        self._known = frozenset(
            address for text in passages for address in map(_bare, _ADDRESS.findall(text))
        )
        self._shown = ""  # the end of what was shown: what comes next may depend on it
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what may be shown now."""
        text = self._held + text
        whole = self._shown + text
        begins = max(len(self._shown), len(whole) - _LONGEST)
        unclear = _UNCLEAR.search(whole, begins)
        cut = unclear.start() - len(self._shown) if unclear else len(text)
        self._held = text[cut:]
        return self._harmless(text[:cut])

    def finish(self) -> str:
        """Return what was held back."""
        held, self._held = self._held, ""
        return self._harmless(held)

    def _harmless(self, text: str) -> str:
        whole, at = self._shown + text, len(self._shown)
        pieces = []
        for match in _HARMFUL.finditer(whole, at):
            pieces += [whole[at : match.start()], self._without_effect(match)]
            at = match.end()
        shown = "".join([*pieces, whole[at:]])
        self._shown = (self._shown + shown)[-_CONTEXT:]
        return shown

    def _without_effect(self, match: re.Match[str]) -> str:
        if match["tag"]:
            return "< "
        if match["address"] is None:
            return " "
        address = _bare(match[0])
        return match[0] if address in self._known else LEFT_OUT + match[0][len(address) :]


def _bare(address: str) -> str:
    """Return an address without the punctuation of the sentence that it stands in."""
    while address and address[-1] in _TRAILING:
        if address[-1] == ")" and address.count("(") >= address.count(")"):
            break  # the bracket belongs to the address
        address = address[:-1]
    return address
