"""Measures how well passages are found on pages and slides: `python benchmarks/highlights.py`.

For each page of each file every chunk and every sentence is highlighted, and the characters whose
middle lies in the rectangles, as pdfium places them, are compared with the passage.
"""

import argparse
import ctypes
import io
import os
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "knowledge.settings.test")

import django  # noqa: E402

django.setup()

import pypdfium2.raw as pdfium_c  # noqa: E402
from django.conf import settings  # noqa: E402
from pypdfium2 import PdfDocument, PdfPage  # noqa: E402

from benchmarks import results  # noqa: E402
from documents.chunking import chunk_pages  # noqa: E402
from documents.exceptions import DocumentFailure  # noqa: E402
from documents.extraction.base import ExtractedDocument, ExtractedPage  # noqa: E402
from documents.extraction.conversion import slides_as_pdf  # noqa: E402
from documents.extraction.page_images import measure_page  # noqa: E402
from documents.extraction.page_layout import PageLayout  # noqa: E402
from documents.extraction.runner import extract_file  # noqa: E402
from documents.page_highlights import Rectangle, highlight  # noqa: E402
from documents.sentences import sentences  # noqa: E402

FILES = ROOT.parent / "shared" / "data" / "documents" / "good"
_SHORTEST = 20  # characters of a sentence that is cited alone
_MAY_LACK = 0.02  # of the passage's letters
_MAY_EXCEED = 0.1
_ON_PAPER = 0.8  # of the passage's shingles, else it is beside the paper in part at least
_SHINGLE = 8  # letters


@dataclass
class Figures:
    """What was found.

    Attributes:
        passages: that are printed on the paper.
        hidden: that are in the file's text but not on the paper; they count as nothing else.
        complete: whose letters lie in the rectangles, all but 2 %.
        exact: of these, with at most 10 % other letters.
        found_ms: of one passage, in the mean.
    """

    passages: int = 0
    hidden: int = 0
    complete: int = 0
    exact: int = 0
    found_ms: float = 0.0


def measure(files: list[Path]) -> Figures:
    """Return the figures over all passages of the files."""
    figures = Figures()
    took = 0.0
    for file in files:
        try:
            document = extract_file(file, extension=file.suffix[1:])
        except DocumentFailure:
            continue  # a scan, say: there is no text to find
        with _printed(file) as pdf, PdfDocument(pdf) as opened:
            for page, spans in _passages(document):
                took += _page(opened[page.number - 1], page, spans, figures, pdf)
    figures.found_ms = round(1000 * took / max(1, figures.passages), 2)
    return figures


def _printed(file: Path) -> AbstractContextManager[Path]:
    """Give the PDF whose pages are shown: the file itself, or what LibreOffice makes of slides."""
    if file.suffix == ".pdf":
        return nullcontext(file)
    return slides_as_pdf(io.BytesIO(file.read_bytes()), file.suffix[1:])


def _passages(document: ExtractedDocument) -> Iterator[tuple[ExtractedPage, set[tuple[int, int]]]]:
    """Yield each page with the spans that may be cited of it."""
    chunks = chunk_pages(document.pages, size=settings.CHUNK_SIZE, overlap=settings.CHUNK_OVERLAP)
    for page in document.pages:
        spans = {(chunk.start, chunk.end) for chunk in chunks if chunk.page == page.number}
        spans |= {span for span in sentences(page.text) if span[1] - span[0] >= _SHORTEST}
        yield page, spans


def _page(
    printed: PdfPage, page: ExtractedPage, spans: set[tuple[int, int]], figures: Figures, file: Path
) -> float:
    """Count the passages of a page, and return how many seconds it took to find them."""
    layout = measure_page(file, page.number)
    middles = list(_middles(printed, layout))
    on_paper = Rectangle(0, 0, layout.width, layout.height)
    visible = _shingles(_text_in(middles, (on_paper,)))
    took = 0.0
    for start, end in sorted(spans):
        began = time.perf_counter()
        rectangles = highlight(layout, page.text, start, end)
        took += time.perf_counter() - began
        wanted = _letters(page.text[start:end])
        shingles = _shingles(page.text[start:end])
        if not shingles or len(shingles & visible) < _ON_PAPER * len(shingles):
            figures.hidden += bool(shingles)
            continue
        given = _letters(_text_in(middles, rectangles))
        figures.passages += 1
        if (wanted - given).total() <= _MAY_LACK * wanted.total():
            figures.complete += 1
            figures.exact += (given - wanted).total() <= _MAY_EXCEED * wanted.total()
    return took


def _middles(page: PdfPage, layout: PageLayout) -> Iterator[tuple[str, float, float]]:
    """Yield each character with the middle of its ink, in points from the upper left corner."""
    text = page.get_textpage()
    across, down = round(100 * layout.width), round(100 * layout.height)
    for index in range(text.count_chars()):
        left, bottom, right, top = text.get_charbox(index)
        x, y = ctypes.c_int(), ctypes.c_int()
        middle = ((left + right) / 2, (bottom + top) / 2)
        pdfium_c.FPDF_PageToDevice(page, 0, 0, across, down, 0, *middle, x, y)
        yield chr(pdfium_c.FPDFText_GetUnicode(text, index)), x.value / 100, y.value / 100


def _text_in(middles: list[tuple[str, float, float]], rectangles: tuple[Rectangle, ...]) -> str:
    return "".join(
        character
        for character, x, y in middles
        if any(
            box.x - 0.1 <= x <= box.x + box.width + 0.1
            and box.y - 0.1 <= y <= box.y + box.height + 0.1
            for box in rectangles
        )
    )


def _shingles(text: str) -> set[str]:
    """Return each few letters that follow each other; pages share words, but hardly these."""
    letters = "".join(_folded(text))
    return {letters[at : at + _SHINGLE] for at in range(len(letters) - _SHINGLE + 1)}


def _letters(text: str) -> Counter[str]:
    return Counter(_folded(text))


def _folded(text: str) -> Iterator[str]:
    return filter(str.isalnum, unicodedata.normalize("NFKD", text).lower())


def main() -> None:
    """Measure a folder, print the figures and keep them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, default=FILES, help="a folder of files")
    arguments.add_argument("--slides", action="store_true", help="slides instead of PDF files")
    given = arguments.parse_args()
    kinds = (".pptx", ".ppt", ".odp") if given.slides else (".pdf",)
    files = sorted(file for file in given.data.iterdir() if file.suffix in kinds)
    figures = measure(files)
    complete = figures.complete / max(1, figures.passages)
    exact = figures.exact / max(1, figures.passages)
    print(f"{len(files)} files, {figures.passages} passages ({figures.hidden} not on the paper)")
    print(f"highlight holds the whole passage: {complete:.1%}, and hardly more: {exact:.1%}")
    print(f"finding one takes {figures.found_ms} ms")
    results.write(
        "highlights_slides" if given.slides else "highlights",
        {
            "files": len(files),
            **asdict(figures),
            "complete_share": round(complete, 4),
            "exact_share": round(exact, 4),
        },
    )


if __name__ == "__main__":
    main()
