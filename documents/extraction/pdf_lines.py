"""The lines of a PDF page as they are printed: text, place, size and weight."""

import ctypes
import re
from dataclasses import dataclass

import pypdfium2.raw as pdfium_c
from pypdfium2 import PdfiumError, PdfPage, PdfTextPage

_BLANK = re.compile(r" ")
_BOLD_NAME = re.compile(r"bold|black|heavy|cmbx|-bd\b", re.IGNORECASE)
_BOLD_WEIGHT = 600
_UNKNOWN = "\ufffe"  # what pdfium gives for a hyphen that it takes for a break, and for no meaning
_WIDE_LIGATURE = 0.7
_COLUMN_GAP = 1.2  # line heights between two cells of a row
_MARGIN = 0.1
_DEPTH = 3  # of forms inside forms


@dataclass(slots=True)
class Line:
    """A printed line.

    Attributes:
        text: as printed, without the hyphen of a broken word.
        left, right, baseline: points from the page's lower left corner.
        size: height of its characters in points.
        bold: from its first to its last character.
        hyphenated: its last word goes on in the next line.
        in_margin: it stands where headers and footers do.
        invisible: it is printed without ink, as the recognized text over a scan is.
    """

    text: str
    left: float
    right: float
    baseline: float
    size: float
    bold: bool
    hyphenated: bool = False
    in_margin: bool = False
    invisible: bool = False


def read_lines(page: PdfPage) -> list[Line]:
    """Return the page's lines in the order of its content."""
    lines = _lines(page)
    # SECURITY: text without ink is what a scan says where there is one, and hidden words elsewhere.
    if any(line.invisible for line in lines) and not has_picture(page):
        lines = [line for line in lines if not line.invisible]
    _, bottom, _, top = page.get_bbox()
    margin = _MARGIN * (top - bottom)
    for line in lines:
        line.in_margin = not bottom + margin < line.baseline < top - margin
    return lines


def _lines(page: PdfPage) -> list[Line]:
    printed = page.get_textpage()
    text = printed.get_text_range(errors="replace")
    in_step = len(text) == printed.count_chars()
    box = page.get_bbox()
    lines: list[Line] = []
    start = 0
    for end in _line_ends(printed, text, in_step=in_step):
        line = _line(printed, text, start, end, in_step=in_step)
        start = end
        if line is None or not _is_on_page(line, box):
            continue
        if lines and _same_printed_line(lines[-1], line):
            _append(lines[-1], line)
        else:
            lines.append(line)
    return lines


def has_picture(page: PdfPage, share: float = 0.0) -> bool:
    """Tell whether a picture covers more than a share of the page."""
    width, height = page.get_size()
    try:
        for drawn in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=_DEPTH):
            left, bottom, right, top = drawn.get_bounds()
            if (right - left) * (top - bottom) > share * width * height:
                return True
    except PdfiumError:
        return False
    return False


def _is_invisible(page: PdfTextPage, index: int) -> bool:
    printed = pdfium_c.FPDFText_GetTextObject(page, index)
    if not printed:
        return False
    mode = pdfium_c.FPDFTextObj_GetTextRenderMode(printed)
    return bool(mode == pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE)


def _is_on_page(line: Line, box: tuple[float, float, float, float]) -> bool:
    """Tell whether any of a line is on what is shown of the page; the rest was cut off.

    Double pages that were parted hold the text of both, each outside of what the other shows.
    """
    left, bottom, right, top = box
    middle = line.baseline + line.size / 4
    return line.right > left and line.left < right and bottom < middle < top


def _line_ends(page: PdfTextPage, text: str, *, in_step: bool) -> list[int]:
    """Return where lines end: at line ends, and after each hyphen that pdfium has joined over."""
    ends = []
    for place, character in enumerate(text):
        if character == "\n" or (
            character == _UNKNOWN
            and pdfium_c.FPDFText_IsHyphen(page, _index(page, place, in_step=in_step)) == 1
        ):
            ends.append(place + 1)
    return [*ends, len(text)]


def _line(page: PdfTextPage, text: str, start: int, end: int, *, in_step: bool) -> Line | None:
    raw = text[start:end]
    hyphenated = raw.endswith(_UNKNOWN)
    first = start + len(raw) - len(raw.lstrip())
    words = raw.strip().removesuffix(_UNKNOWN) if hyphenated else raw.strip()
    if not words:
        return None
    first_box = _box(page, _index(page, first, in_step=in_step))
    last_index = _index(page, first + len(words) - 1, in_step=in_step)
    last_box = _box(page, last_index)
    if _UNKNOWN in words:
        words = _with_ligatures(page, words, first, in_step=in_step)
    words = _with_cells(page, words, first, last_box[3] - last_box[2], in_step=in_step)
    return Line(
        text=words,
        left=first_box[0],
        right=max(last_box[1], first_box[1]),
        baseline=_baseline(page, _index(page, first, in_step=in_step)),
        size=max(first_box[3] - first_box[2], last_box[3] - last_box[2], 0.1),
        bold=_is_bold(page, _index(page, first, in_step=in_step)) and _is_bold(page, last_index),
        hyphenated=hyphenated,
        invisible=_is_invisible(page, _index(page, first, in_step=in_step)),
    )


def _same_printed_line(line: Line, following: Line) -> bool:
    """Tell whether the second only stands behind the first, raised, or in the next column."""
    height = max(line.size, following.size)
    return (
        not line.hyphenated
        and abs(line.baseline - following.baseline) < 0.45 * height
        and following.left >= line.right - 0.3 * height
    )


def _append(line: Line, following: Line) -> None:
    gap = (following.left - line.right) / max(line.size, following.size)
    between = " | " if gap >= _COLUMN_GAP else " " if gap > 0.08 else ""
    line.text += between + following.text
    line.right, line.hyphenated = following.right, following.hyphenated
    line.bold = line.bold and following.bold
    if len(following.text) > len(line.text) / 2:
        line.size = max(line.size, following.size)


def _index(page: PdfTextPage, place: int, *, in_step: bool) -> int:
    """Return pdfium's index of a character, which counts some that the text leaves out."""
    return place if in_step else pdfium_c.FPDFText_GetCharIndexFromTextIndex(page, place)


def _box(page: PdfTextPage, index: int) -> tuple[float, float, float, float]:
    """Return left, right, bottom, top; the loose box, which is as high as the font."""
    rectangle = pdfium_c.FS_RECTF()
    if not pdfium_c.FPDFText_GetLooseCharBox(page, index, rectangle):
        return (0.0, 0.0, 0.0, 0.0)
    return (rectangle.left, rectangle.right, rectangle.bottom, rectangle.top)


def _baseline(page: PdfTextPage, index: int) -> float:
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium_c.FPDFText_GetCharOrigin(page, index, x, y)
    return y.value


def _is_bold(page: PdfTextPage, index: int) -> bool:
    name, flags = ctypes.create_string_buffer(80), ctypes.c_int()
    pdfium_c.FPDFText_GetFontInfo(page, index, name, 80, flags)
    if _BOLD_NAME.search(name.value.decode("utf-8", errors="replace")):
        return True
    return bool(pdfium_c.FPDFText_GetFontWeight(page, index) >= _BOLD_WEIGHT)


def _with_cells(page: PdfTextPage, words: str, first: int, size: float, *, in_step: bool) -> str:
    """Mark the wide gaps of a line, which separate the cells of a table's row.

    Only blanks that pdfium has put in can be wide; a printed one has the width of its font.
    """
    cells = []
    start = 0
    for blank in _BLANK.finditer(words):
        index = _index(page, first + blank.start(), in_step=in_step)
        if pdfium_c.FPDFText_IsGenerated(page, index) != 1:
            continue
        gap = _box(page, index + 1)[0] - _box(page, index - 1)[1]
        if gap >= _COLUMN_GAP * size:
            cells.append(words[start : blank.start()])
            start = blank.end()
    return " | ".join([*cells, words[start:]])


def _with_ligatures(page: PdfTextPage, words: str, first: int, *, in_step: bool) -> str:
    """Spell out glyphs without a meaning that can only be ffi or ffl: wide, between letters.

    Of the English and French words with these, ffl stands before vowels and ffi before consonants.
    """
    letters = list(words)
    for place in range(1, len(words) - 1):
        before, after = words[place - 1], words[place + 1]
        if words[place] != _UNKNOWN or not (before.islower() and after.islower()):
            continue
        left, right, bottom, top = _box(page, _index(page, first + place, in_step=in_step))
        if right - left >= _WIDE_LIGATURE * (top - bottom) * 0.8:
            letters[place] = "ffl" if after in "aeiouy" else "ffi"
    return "".join(letters)
