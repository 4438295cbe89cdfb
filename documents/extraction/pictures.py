"""Pictures as the text recognition wants them: grey, upright, neither tiny nor huge."""

from PIL import Image

DOTS_PER_INCH = 300
MOST_PIXELS = 25_000_000
"""An A4 page has 8.7 million at 300 dots an inch."""


def as_pgm(width: int, height: int, rows: bytes) -> bytes:
    """Return the file of a grey picture, of one byte a pixel."""
    return b"P5 %d %d 255\n" % (width, height) + rows


def grey(image: Image.Image) -> Image.Image:
    """Return a picture in grey on white, whatever it is drawn on."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        coloured = image.convert("RGBA")
        paper = Image.new("RGBA", coloured.size, "white")
        image = Image.alpha_composite(paper, coloured)
    return image.convert("L")
