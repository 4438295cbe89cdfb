"""What plain text becomes: paragraphs, parts, visible characters."""

from pathlib import Path

import pytest

from documents.extraction.base import ExtractedDocument, Limits
from documents.extraction.cleaning import clean_characters
from documents.extraction.errors import ExtractionError
from documents.extraction.text import TextExtractor
from documents.extraction.writer import PART_CHARACTERS
from documents.tests.made_files import LIMITS


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str, limits: Limits = LIMITS) -> ExtractedDocument:
        path = tmp_path / "file.txt"
        path.write_text(text, encoding="utf-8", newline="")
        return TextExtractor().extract(path, limits)

    return read


def test_wrapped_lines_of_a_paragraph_are_joined(read) -> None:
    text = (
        "Employees may claim travel expenses for journeys that\r\n"
        "were approved beforehand by the manager of the team in\r\n"
        "which they work. Receipts are kept for ten years.\r\n"
    )
    assert read(text).pages[0].text == text.replace("\r\n", " ").strip()


@pytest.mark.parametrize("blank", ["\u3000", "\x1c", "\u2003 "])
def test_a_line_of_other_blanks_is_one_like_any(read, blank: str) -> None:
    line = "word " * 12
    assert read(f"{line}\n{line}\n{blank}\n{line}\n").pages[0].text.count("word") == 36


def test_wrapped_lines_are_joined_though_no_blank_line_separates_paragraphs(read) -> None:
    text = (
        "Roberts made 647 league appearances during his career, almost half of which\n"
        "were for Norwich, where he overcame a weak start. At his peak he scored 61 goals\n"
        "in three seasons.\n"
        "He was elected to the hall of fame in the year 2002, while he was still\n"
        "at the club.\n"
        "Height 1.91 m\nPosition forward"
    )
    assert [len(line) for line in read(text).pages[0].text.split("\n")] == [174, 84, 13, 16]


@pytest.mark.parametrize(
    "text",
    [
        "- first point of the list that is rather long indeed\n- second point of the list that is",
        "name      price   stock\napples    1.20    yes\npears     1.50    no",
        "2026-01-01 10:00 INFO started in 12 ms\n2026-01-01 10:01 INFO stopped in 9 ms",
        "Roses are red\nViolets are blue",
    ],
)
def test_lists_tables_logs_and_verse_keep_their_lines(read, text: str) -> None:
    lines = [" ".join(line.split()) for line in text.split("\n")]
    assert read(text).pages[0].text.split("\n") == lines


def test_a_form_feed_begins_a_page(read) -> None:
    pages = read("one\f\ftwo\n\f").pages
    assert [(page.number, page.text) for page in pages] == [(1, "one"), (2, ""), (3, "two")]


def test_a_long_text_becomes_parts_that_end_at_paragraphs(read) -> None:
    paragraphs = [f"Paragraph {n}. " + "word " * 60 for n in range(200)]
    document = read("\n\n".join(paragraphs))
    assert len(document.pages) > 2
    assert all(len(page.text) <= PART_CHARACTERS for page in document.pages)
    assert [p.number for p in document.pages] == list(range(1, len(document.pages) + 1))
    joined = "\n\n".join(page.text for page in document.pages)
    assert joined == "\n\n".join(paragraph.strip() for paragraph in paragraphs)


def test_a_paragraph_longer_than_a_part_loses_nothing(read) -> None:
    text = "wörter ohne Ende, " * 5_000
    document = read(text)
    assert all(len(page.text) <= PART_CHARACTERS for page in document.pages)
    assert "".join("".join(p.text.split()) for p in document.pages) == "".join(text.split())


@pytest.mark.parametrize("text", ["", "  \n\t\n\f ", "\u200b\ufeff"])
def test_a_file_without_text_is_called_empty(read, text: str) -> None:
    with pytest.raises(ExtractionError) as raised:
        read(text)
    assert raised.value.code == "empty"


def test_more_characters_or_pages_than_allowed_are_refused(read) -> None:
    with pytest.raises(ExtractionError, match="more than 10 characters") as raised:
        read("eleven char", Limits(pages=5, characters=10))
    assert raised.value.code == "too_long"
    with pytest.raises(ExtractionError, match="more than 2 pages"):
        read("a\fb\fc", Limits(pages=2, characters=10))


def test_text_is_composed_visible_and_plainly_spaced() -> None:
    assert clean_characters("e\u0301 of\ufb01ce\u00a0\u2009x") == "é office  x"
    assert clean_characters("a\u00adb\u200bc\u202ed\x00e\ufffef") == "abcde\ufffdf"
    assert clean_characters("hidden\U000e0041\U000e0042") == "hidden"
    assert clean_characters("a\r\nb\rc\u2028d") == "a\nb\nc\nd"
    assert clean_characters("می\u200cخواهم 👩\u200d🚀") == "می\u200cخواهم 👩\u200d🚀"
