"""Cuts RTF into its tokens: groups, control words, characters."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    rb"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?|\\'(?P<byte>[0-9a-fA-F]{2})"
    rb"|\\(?P<symbol>[^a-zA-Z])|(?P<brace>[{}])|(?P<text>[^\\{}\r\n]+)|[\r\n]+|\\",
    re.DOTALL,
)


class Token(NamedTuple):
    """A token.

    Attributes:
        kind: "word", "symbol", "brace", "bytes".
        value: the word's name, the symbol, the brace; of bytes those of characters.
        number: of a control word, None without one.
    """

    kind: str
    value: bytes
    number: int | None = None


def tokens(data: bytes) -> Iterator[Token]:
    """Yield the tokens; embedded binary data is left out."""
    place = 0
    while (found := _TOKEN.match(data, place)) is not None:
        place = found.end()
        kind = found.lastgroup
        if kind == "text":
            yield Token("bytes", found["text"])
        elif kind == "byte":
            yield Token("bytes", bytes([int(found["byte"], 16)]), 1)
        elif kind in ("word", "number"):
            number = None if found["number"] is None else int(found["number"])
            if found["word"] == b"bin" and number is not None:
                place += max(0, number)
            else:
                yield Token("word", found["word"], number)
        elif kind is not None:
            yield Token(kind, found[kind])
