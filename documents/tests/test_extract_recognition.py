"""Scanned pages and pictures: their words are recognized, or the user is told how to get there."""

import shutil
from pathlib import Path

import pytest

from documents.exceptions import DocumentFailure
from documents.extraction.base import ExtractedDocument
from documents.extraction.recognized_words import page_text
from documents.extraction.runner import extract_file
from documents.tests.made_files import column, pdf, picture, scanned_pdf

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="Tesseract (tesseract-ocr) is not installed"
)
LINES = ("Trains are booked a week ahead.", "Hotels cost at most 150 euros a night.")


@pytest.fixture
def read(tmp_path: Path):
    def read(data: bytes, extension: str) -> ExtractedDocument:
        path = tmp_path / "scan"
        path.write_bytes(data)
        return extract_file(path, extension=extension)

    return read


@pytest.fixture
def program(tmp_path: Path, monkeypatch):
    """Put a program of this name on the path, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def program(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)
        return path

    return program


def word(text: str, *, line: int = 1, left: int = 0, paragraph: int = 1, sure: float = 96) -> str:
    return f"5\t1\t1\t{paragraph}\t{line}\t1\t{left}\t0\t{10 * len(text)}\t20\t{sure}\t{text}"


@needs_tesseract
@pytest.mark.parametrize(("extension", "format"), [("png", "PNG"), ("jpg", "JPEG")])
def test_the_words_of_a_picture_are_read(read, extension: str, format: str) -> None:
    document = read(picture(*LINES, format=format), extension)
    assert [page.text for page in document.pages] == ["\n".join(LINES)]


@needs_tesseract
def test_each_page_of_a_fax_and_of_a_scan_keeps_its_number(read) -> None:
    for document in (
        read(picture(*LINES, format="TIFF", pages=2), "tif"),
        read(scanned_pdf(*LINES), "pdf"),
    ):
        assert [page.text for page in document.pages] == list(LINES)
        assert [page.number for page in document.pages] == [1, 2]
        assert document.warnings == ()


@needs_tesseract
def test_only_so_many_scanned_pages_are_read(read, settings) -> None:
    settings.OCR_MAX_PAGES = 1
    document = read(scanned_pdf(*LINES, "third"), "pdf")
    assert [page.text for page in document.pages] == [LINES[0], "", ""]
    (warning,) = document.warnings
    assert "Pages 2–3 have no text" in warning
    assert "at most 1 scanned page" in warning


@needs_tesseract
def test_a_picture_without_words_says_so(read) -> None:
    with pytest.raises(DocumentFailure) as raised:
        read(picture(), "png")
    assert (raised.value.code, raised.value.may_pass) == ("no_text", False)


@pytest.mark.parametrize("extension", ["pdf", "png"])
def test_without_tesseract_a_scan_fails_and_says_how_to_go_on(
    read, program, extension: str
) -> None:
    data = scanned_pdf(*LINES) if extension == "pdf" else picture(*LINES)
    with pytest.raises(DocumentFailure, match="install Tesseract") as raised:
        read(data, extension)
    assert (raised.value.code, raised.value.may_pass) == ("no_text", False)


def test_without_tesseract_a_mixed_file_names_the_pages_that_were_not_read(read, program) -> None:
    document = read(_with_scanned_pages(), "pdf")
    assert [page.text for page in document.pages] == ["A page with words.", "", ""]
    (warning,) = document.warnings
    assert warning.startswith("Pages 2–3 have no text that can be read.")
    assert "install Tesseract" in warning


def test_tesseract_without_data_for_the_languages_counts_as_missing(
    read, program, settings
) -> None:
    settings.OCR_LANGUAGES = "tlh"
    program("tesseract", 'echo "List of available languages (1):"; echo eng')
    with pytest.raises(DocumentFailure, match="install Tesseract"):
        read(picture(*LINES), "png")


def test_tesseract_is_bounded_as_every_reader_is(read, program, tmp_path: Path) -> None:
    listing = 'case "$1" in --list-langs) echo languages; echo eng; exit;; esac\n'
    word_line = word("$(ulimit -f)-$(ulimit -c)").replace("\t", "\\t")
    script = f"{listing}printf '%b\\n' \"{word_line}\"\n"
    program("tesseract", script)
    assert read(picture(*LINES), "png").pages[0].text == "0-0"


def test_a_tesseract_that_fails_on_a_page_leaves_a_warning(read, program) -> None:
    program("tesseract", 'case "$1" in --list-langs) echo languages; echo eng; exit;; esac\nexit 1')
    document = read(_with_scanned_pages(), "pdf")
    assert document.pages[0].text == "A page with words."
    assert "Recognizing their text failed" in document.warnings[0]


def test_words_become_lines_rows_and_paragraphs() -> None:
    table = "\n".join(
        [
            "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext",
            word("Team", line=1),
            word("Cups", line=1, left=200),
            word("Blues", line=2),
            word("1", line=2, left=200),
            word("speck", line=3, sure=4),
            word("Book", paragraph=2, line=1),
            word("reser-", paragraph=2, line=1, left=50),
            word("vations", paragraph=2, line=2),
            word("early.", paragraph=2, line=2, left=80),
            word("---", paragraph=3),
            "5\tbroken",
        ]
    )
    assert page_text(table) == "Team | Cups\nBlues | 1\n\nBook reservations\nearly."


def _with_scanned_pages() -> bytes:
    """Return a PDF with a page of words before two scanned ones."""
    import io

    from pypdfium2 import PdfDocument

    mixed = PdfDocument.new()
    for part in (pdf([column("A page with words.")]), scanned_pdf(*LINES)):
        mixed.import_pages(PdfDocument(part))
    out = io.BytesIO()
    mixed.save(out)
    return out.getvalue()
