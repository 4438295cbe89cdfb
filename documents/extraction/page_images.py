"""Draws a page of a PDF and measures where its characters stand; runs in the child process."""

import ctypes
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pypdfium2.raw as pdfium_c
from PIL import Image
from pypdfium2 import PdfDocument, PdfiumError, PdfPage, PdfTextPage

from documents.extraction.errors import ExtractionError, damaged
from documents.extraction.page_layout import (
    MOST_CHARACTERS,
    Box,
    PageLayout,
    encode_image,
    encode_layout,
)

_MOST_PIXELS = 6_000_000
_LONGEST_EDGE = 8_000  # pixels; a WebP has at most 16,383
_LONGEST_SIDE = 14_400  # points; the most that a PDF page may have
_QUALITY = 85
_METHOD = 1  # little effort: twice the size of the best, a tenth of its time
_NOWHERE: Box = (0.0, 0.0, 0.0, 0.0)


def warm_up() -> None:
    """Load the encoder, so that no child has to."""
    Image.new("RGB", (1, 1)).save(io.BytesIO(), "WEBP")


def answer(path: Path, request: dict[str, Any]) -> bytes:
    """Do what is asked for a page, `measure_page` or `render_page`, and return the bytes to say.

    Raises:
        ExtractionError: as below.
    """
    number = int(request["page"])
    if "pages" in request:
        _check_count(path, int(request["pages"]))
    if request["do"] == "measure_page":
        return encode_layout(measure_page(path, number))
    return encode_image(render_page(path, number, int(request["width"])))


def render_page(path: Path, number: int, width: int) -> bytes:
    """Return a page as WebP.

    Args:
        path: the file.
        number: of the page, from 1.
        width: pixels; a page too long for it comes smaller.

    Raises:
        ExtractionError: the file has no such page, or it can't be drawn.
    """
    with _page(path, number, forms=True) as page:
        across, down = _size(page)
        scale = min(
            width / across,
            (_MOST_PIXELS / (across * down)) ** 0.5,
            _LONGEST_EDGE / max(across, down),
        )
        bitmap = page.render(scale=scale, prefer_bgrx=True, limit_image_cache=True)
        out = io.BytesIO()
        bitmap.to_pil().convert("RGB").save(out, "WEBP", quality=_QUALITY, method=_METHOD)
    return out.getvalue()


def measure_page(path: Path, number: int) -> PageLayout:
    """Return the size of a page, and the place of each character that can be seen on it.

    Raises:
        ExtractionError: the file has no such page.
    """
    with _page(path, number) as page:
        width, height = _size(page)
        place = _Places(page, width, height)
        text_page = page.get_textpage()
        count = text_page.count_chars()
        characters = [
            (_character(text_page, index), place.of(text_page, index))
            for index in range(count if count <= MOST_CHARACTERS else 0)
        ]
    # Half of a page that was cut in two still has its text, beside the paper.
    shown = [one for one in characters if _is_on_paper(one[1], width, height)]
    return PageLayout(
        width=width,
        height=height,
        text="".join(character for character, _ in shown),
        boxes=tuple(box for _, box in shown),
    )


def _check_count(path: Path, pages: int) -> None:
    """Refuse a PDF that was made of slides and has not one page for each.

    Raises:
        ExtractionError: a picture would be that of another slide.
    """
    try:
        with PdfDocument(path) as document:
            if len(document) == pages:
                return
    except PdfiumError as error:
        raise damaged("PDF") from error
    raise ExtractionError("There is not a page for each slide.", code="page_count")


@contextmanager
def _page(path: Path, number: int, *, forms: bool = False) -> Iterator[PdfPage]:
    try:
        with PdfDocument(path) as document:
            if forms:  # what is filled in; pdfium is built without the means to run scripts
                document.init_forms()
            if not 1 <= number <= len(document):
                raise damaged("PDF")
            yield document[number - 1]
    except PdfiumError as error:
        raise damaged("PDF") from error


def _size(page: PdfPage) -> tuple[float, float]:
    width, height = page.get_size()
    if not (0 < width <= _LONGEST_SIDE and 0 < height <= _LONGEST_SIDE):
        raise ExtractionError("This page has no size that can be shown.", code="page_size")
    return width, height


def _is_on_paper(box: Box, width: float, height: float) -> bool:
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    return 0 <= middle[0] <= width and 0 <= middle[1] <= height


class _Places:
    """Turns pdfium's places into those on the page as it is shown."""

    _FINENESS = 100  # parts of a point, as pdfium gives whole numbers

    def __init__(self, page: PdfPage, width: float, height: float) -> None:
        self._page = page
        self._across, self._down = round(width * self._FINENESS), round(height * self._FINENESS)

    def of(self, text_page: PdfTextPage, index: int) -> Box:
        """Return the box of a character: as high as its font, if that says how high it is."""
        edges = _loose(text_page, index) or _tight(text_page, index)
        if edges is None:
            return _NOWHERE
        one, other = self._shown(edges[0], edges[3]), self._shown(edges[1], edges[2])
        left, right = sorted((one[0], other[0]))
        top, bottom = sorted((one[1], other[1]))
        return (left, top, right, bottom)

    def _shown(self, x: float, y: float) -> tuple[float, float]:
        across, down = ctypes.c_int(), ctypes.c_int()
        pdfium_c.FPDF_PageToDevice(
            self._page, 0, 0, self._across, self._down, 0, x, y, across, down
        )
        return across.value / self._FINENESS, down.value / self._FINENESS


def _loose(text_page: PdfTextPage, index: int) -> tuple[float, float, float, float] | None:
    """Return left, right, bottom, top of a character's box; None where it has no area."""
    box = pdfium_c.FS_RECTF()
    if not pdfium_c.FPDFText_GetLooseCharBox(text_page, index, box):
        return None
    has_area = box.left != box.right and box.bottom != box.top
    return (box.left, box.right, box.bottom, box.top) if has_area else None


def _tight(text_page: PdfTextPage, index: int) -> tuple[float, float, float, float] | None:
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    if not pdfium_c.FPDFText_GetCharBox(text_page, index, left, right, bottom, top):
        return None
    return (left.value, right.value, bottom.value, top.value)


def _character(text_page: PdfTextPage, index: int) -> str:
    code = pdfium_c.FPDFText_GetUnicode(text_page, index)
    return chr(code) if 0 < code <= 0x10FFFF else "\ufffe"
