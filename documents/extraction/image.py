"""Pictures of pages (photographs, faxes): what is written on them is recognized later."""

import struct
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from documents.extraction.base import ExtractedDocument, ExtractedPage, Extractor, Limits
from documents.extraction.errors import ExtractionError, damaged, too_many_pages
from documents.extraction.pictures import MOST_PIXELS, as_pgm, grey

_FORMATS = ("PNG", "JPEG", "TIFF")
_MOST_DECODED_PIXELS = 120_000_000
_SMALL = 1_600
"""Pixels of the longer side below which letters are too small to be told apart."""
# What Pillow raises for broken files.
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, LookupError, TypeError,
           AttributeError, AssertionError, struct.error)  # fmt: skip


class ImageExtractor(Extractor):
    """Reads .png, .jpg and .tif files."""

    def warm_up(self) -> None:
        Image.preinit()
        Image.init()
        Image.MAX_IMAGE_PIXELS = None  # we look at the size ourselves, before anything is decoded

    def extract(self, path: Path, limits: Limits) -> ExtractedDocument:
        with _open(path) as image:
            count = _pages(image, limits.pages) if image.format == "TIFF" else 1
        pages = tuple(ExtractedPage(number, "") for number in range(1, count + 1))
        return ExtractedDocument(pages, scans=tuple(range(1, count + 1)))

    def picture(self, path: Path, page: int) -> bytes:
        with _open(path) as image:
            try:
                image.seek(page - 1)
                _check_size(image)
                upright = grey(ImageOps.exif_transpose(image))
            except _BROKEN as error:
                raise damaged("image") from error
        width, height = upright.size
        scale = min(1.0, (MOST_PIXELS / (width * height)) ** 0.5)
        if max(width, height) < _SMALL:
            scale = 2.0
        if scale != 1.0:
            size = max(1, int(width * scale)), max(1, int(height * scale))
            upright = upright.resize(size, Image.Resampling.LANCZOS)
        return as_pgm(*upright.size, upright.tobytes())


def _open(path: Path) -> Image.Image:
    try:
        image = Image.open(path, formats=_FORMATS)
    except (UnidentifiedImageError, *_BROKEN) as error:
        raise damaged("image") from error
    _check_size(image)
    return image


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > _MOST_DECODED_PIXELS:
        raise ExtractionError(
            f"This image has more than {_MOST_DECODED_PIXELS // 1_000_000} million pixels. Scan it "
            "at 300 dots per inch, or scale it down, and upload it again.",
            code="too_large_image",
        )


def _pages(image: Image.Image, most: int) -> int:
    """Count the pages of a TIFF file, of which each names the next."""
    count = 1
    try:
        while count <= most:
            image.seek(count)
            count += 1
    except _BROKEN:
        return count
    raise too_many_pages(most)
