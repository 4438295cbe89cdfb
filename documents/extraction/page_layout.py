"""Where the characters of a page stand, and how that and the page's picture are told the parent."""

import struct
from dataclasses import dataclass
from typing import Any

from documents.extraction import wire

MOST_CHARACTERS = 60_000
"""Of one page; a page with more is shown without highlights."""
LONGEST_ANSWER = 8 * 1024 * 1024
"""Bytes of a layout or of a picture, the most that is kept."""
_LARGEST_PAGE = 20_000.0
_WEBP = struct.Struct("<4sI4s")

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in points from the upper left corner of the page as it is shown."""


@dataclass(frozen=True)
class PageLayout:
    """A page as it is shown, turned and cropped.

    Attributes:
        width, height: points.
        text: its characters in the order of the file, as they are printed.
        boxes: one for each character; empty (all zero) where nothing is printed.
    """

    width: float
    height: float
    text: str
    boxes: tuple[Box, ...]


def encode_layout(layout: PageLayout) -> bytes:
    """Return the bytes for a layout: tenths of a point are exact enough."""
    tenths = [[round(10 * edge) for edge in box] for box in layout.boxes]
    said = {
        "width": layout.width,
        "height": layout.height,
        "codes": [ord(character) for character in layout.text],
        "boxes": tenths,
    }
    return wire.encode(said)


def decode_layout(data: bytes) -> PageLayout:
    """Return the layout.

    Raises:
        ExtractionError: the failure that the child reports.
        WireError: it says something else.
    """
    with wire.checked():
        said, rest = wire.split(data)
        codes, boxes = said["codes"], said["boxes"]
        if rest or len(codes) != len(boxes) or len(codes) > MOST_CHARACTERS:
            raise ValueError("layout")
        layout = PageLayout(
            width=_length(said["width"]),
            height=_length(said["height"]),
            text="".join(map(chr, codes)),
            boxes=tuple(map(_box, boxes)),
        )
    return layout


def encode_image(image: bytes) -> bytes:
    """Return the bytes for a picture in WebP."""
    return wire.encode({}) + image


def decode_image(data: bytes) -> bytes:
    """Return the picture.

    Raises:
        ExtractionError: the failure that the child reports.
        WireError: it says something else.
    """
    with wire.checked():
        _, image = wire.split(data)
        riff, length, kind = _WEBP.unpack_from(image)
        if (riff, length + 8, kind) != (b"RIFF", len(image), b"WEBP"):
            raise ValueError("picture")
    return image


def _length(said: Any) -> float:
    if not isinstance(said, float | int) or not 0 < said <= _LARGEST_PAGE:
        raise ValueError("length")
    return float(said)


def _box(said: Any) -> Box:
    left, top, right, bottom = said
    for edge in (left, top, right, bottom):
        if type(edge) is not int or abs(edge) > 10 * _LARGEST_PAGE:
            raise ValueError("box")
    return (left / 10, top / 10, right / 10, bottom / 10)
