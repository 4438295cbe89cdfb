"""Reads the words on scanned pages with Tesseract, where it is installed (OCR)."""

import logging
import os
import subprocess  # nosec B404  # each use says why
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from django.conf import settings

from documents.extraction import wire
from documents.extraction.base import ExtractedDocument, ExtractedPage, Limits
from documents.extraction.children import Bounds, TooMuchSaid, ask, crashed
from documents.extraction.errors import ExtractionError, too_many_characters
from documents.extraction.pictures import DOTS_PER_INCH, MOST_PIXELS
from documents.extraction.programs import find_program
from documents.extraction.recognized_words import page_text

log = logging.getLogger(__name__)

_PICTURE_BYTES = MOST_PIXELS + 10_000
_WORDS_BYTES = 16 * 1024 * 1024
_LIST_TIMEOUT_S = 20
_MOST_NAMED_PAGES = 12
_HOW_TO_ENABLE = (
    "Ask your administrator to install Tesseract here, or run OCR on the file (with OCRmyPDF or "
    "Acrobat, for example) and upload it again."
)


@dataclass(frozen=True)
class Tesseract:
    """Where the program is, and the languages that it is to expect ("eng+deu")."""

    program: str
    languages: str


def with_recognized_text(
    document: ExtractedDocument, path: Path, extension: str, limits: Limits
) -> ExtractedDocument:
    """Return the document with the text of its scanned pages, or with a warning about them.

    Raises:
        ExtractionError: there is no other text, and none could be recognized.
    """
    if not document.scans:
        return document
    program = find_program("tesseract")
    languages = _usable_languages(program, settings.OCR_LANGUAGES)
    if not languages:
        return _unread(document, document.scans, _HOW_TO_ENABLE)
    wanted = document.scans[: settings.OCR_MAX_PAGES]
    found, failed = _recognized(path, extension, wanted, Tesseract(program, languages))
    pages = tuple(_better(page, found.get(page.number, "")) for page in document.pages)
    if sum(len(page.text) for page in pages) > limits.characters:
        raise too_many_characters(limits.characters)
    read = replace(document, pages=pages)
    if beyond := document.scans[settings.OCR_MAX_PAGES :]:
        read = _unread(
            read,
            beyond,
            f"Text is recognized on at most {settings.OCR_MAX_PAGES} scanned pages of a document. "
            "Split it and upload the parts.",
        )
    if failed:
        read = _unread(read, failed, "Recognizing their text failed. Scan them again, upright.")
    if not any(page.text for page in pages):
        raise ExtractionError(
            "No text could be recognized in this scan. Scan it again at 300 dots per inch, upright "
            "and with good contrast, and upload it again.",
            code="no_text",
        )
    return read


@cache
def _usable_languages(program: str, wanted: str) -> str:
    """Return those of the languages ("eng+deu") that Tesseract knows here, "" without Tesseract."""
    if not program:
        return ""
    try:
        listed = subprocess.run(  # noqa: S603  # nosec B603  # found by our own search
            [program, "--list-langs"], capture_output=True, timeout=_LIST_TIMEOUT_S, check=True
        ).stdout.decode("utf-8", errors="replace")
    except (OSError, subprocess.SubprocessError):
        log.exception("tesseract is installed but does not run")
        return ""
    installed = set(listed.split("\n")[1:])
    known = [language for language in wanted.split("+") if language in installed]
    if missing := sorted(set(wanted.split("+")) - installed):
        log.warning("tesseract has no data for OCR_LANGUAGES %s", "+".join(missing))
    return "+".join(known)


def _recognized(
    path: Path, extension: str, numbers: Iterable[int], tesseract: Tesseract
) -> tuple[dict[int, str], list[int]]:
    """Return the text of pages, and the numbers of those on which it failed."""
    found: dict[int, str] = {}
    failed: list[int] = []
    for number in numbers:
        try:
            found[number] = page_text(_words(_picture(path, extension, number), tesseract))
        except ExtractionError as error:
            if error.code in ("reader_unavailable", "too_large_image"):
                raise
            log.warning("recognizing text of a page failed: %s", error.code)
            failed.append(number)
    return found, failed


def _picture(path: Path, extension: str, number: int) -> bytes:
    """Have a child draw a page."""
    bounds = Bounds(
        timeout_s=settings.EXTRACTION_TIMEOUT_S,
        memory_bytes=settings.EXTRACTION_MEMORY_BYTES,
        answer_bytes=_PICTURE_BYTES,
    )
    request = {"do": "picture", "extension": extension, "page": number}
    try:
        with path.open("rb") as file:
            return wire.decode_picture(ask(file.fileno(), request, bounds).data)
    except (wire.WireError, TooMuchSaid):
        raise crashed() from None


def _words(picture: bytes, tesseract: Tesseract) -> str:
    """Have Tesseract, bounded as every child, find the words of a picture.

    Returns:
        A table with a line for each word: its place in the page's layout, its box, the word.
    """
    arguments = [
        *(tesseract.program, "stdin", "stdout", "-l", tesseract.languages),
        *("--dpi", str(DOTS_PER_INCH), "--psm", "1", "tsv"),
    ]
    request = {
        "do": "run", "arguments": arguments, "folder": "/", "written_bytes": 0, "processes": False
    }  # fmt: skip
    bounds = Bounds(
        timeout_s=settings.OCR_TIMEOUT_S,
        memory_bytes=settings.EXTRACTION_MEMORY_BYTES,
        answer_bytes=_WORDS_BYTES,
    )
    in_memory = os.memfd_create("page")
    try:
        with os.fdopen(in_memory, "wb", closefd=False) as file:
            file.write(picture)
        os.lseek(in_memory, 0, os.SEEK_SET)
        answer = ask(in_memory, request, bounds)
    except TooMuchSaid:
        raise crashed() from None
    finally:
        os.close(in_memory)
    if answer.exit_status:
        raise crashed()
    return answer.data.decode("utf-8", errors="replace")


def _better(page: ExtractedPage, recognized: str) -> ExtractedPage:
    """Return the page with the longer text: a scan may carry a stamp or a page number as text."""
    if len(recognized) <= len(page.text):
        return page
    return ExtractedPage(page.number, recognized)


def _unread(document: ExtractedDocument, numbers: Iterable[int], what: str) -> ExtractedDocument:
    """Return the document with a warning, or raise it where nothing else was read."""
    numbers = list(numbers)
    if not any(page.text for page in document.pages):
        raise ExtractionError(
            f"This file has no text layer: it looks scanned or is a picture. {what}", code="no_text"
        )
    pages = "Page" if len(numbers) == 1 else "Pages"
    have = "has" if len(numbers) == 1 else "have"
    warning = f"{pages} {_listed(numbers)} {have} no text that can be read. {what}"
    return replace(document, warnings=(*document.warnings, warning))


def _listed(numbers: list[int]) -> str:
    """Return "1, 3-5 and 9"."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    shown = ["–".join(map(str, found)) for found in ranges[:_MOST_NAMED_PAGES]]
    if len(ranges) > _MOST_NAMED_PAGES:
        shown.append("others")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
