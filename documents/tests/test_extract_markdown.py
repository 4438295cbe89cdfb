"""What Markdown becomes: what the rendered page says."""

from pathlib import Path

import pytest

from documents.extraction.base import ExtractedDocument
from documents.extraction.markdown import MarkdownExtractor
from documents.tests.made_files import LIMITS


@pytest.fixture
def read(tmp_path: Path):
    def read(source: str) -> ExtractedDocument:
        path = tmp_path / "file.md"
        path.write_text(source, encoding="utf-8")
        return MarkdownExtractor().extract(path, LIMITS)

    return read


def test_marks_are_gone_and_sentences_stay_whole(read) -> None:
    document = read(
        "# Travel {#travel}\n\nBook **early** with [the agency](https://a.test),\nnot `alone`.\n\n"
        "- one\n- two\n  - three\n\n1. first\n2. second\n\n> Quoted ~~old~~ text.\n"
    )
    assert document.pages[0].text == (
        "Travel\n\nBook early with the agency, not alone.\n- one\n- two\n  - three\n"
        "1. first\n2. second\n\nQuoted old text."
    )
    assert [(h.offset, h.level, h.title) for h in document.pages[0].headings] == [(0, 1, "Travel")]
    assert document.title == "Travel"


def test_front_matter_gives_the_title_and_nothing_else(read) -> None:
    document = read('---\ntitle: "Leave policy"\ntags: [a]\n---\n\nText.\n')
    assert (document.title, document.pages[0].text) == ("Leave policy", "Text.")


def test_a_rule_at_the_beginning_is_no_front_matter(read) -> None:
    assert read("---\n\nText\n\nMore\n").pages[0].text == "Text\n\nMore"


def test_tables_and_code_are_kept(read) -> None:
    document = read("| a | b |\n|---|---|\n| 1 | 2 |\n\n```sh\nmake  run\n  x\n```\n")
    assert document.pages[0].text == "a | b\n1 | 2\n\nmake  run\n  x"


def test_html_inside_is_read_as_html(read) -> None:
    document = read(
        "<!-- not shown -->\n<table><tr><td>Phone</td><td>$75</td></tr></table>\n\n"
        "Text <b>bold</b><script>alert(1)</script>.\n"
    )
    assert document.pages[0].text == "Phone | $75\n\nText bold."


def test_placeholders_in_angle_brackets_stay(read) -> None:
    assert read("Replace <REPO> and <your name> now.").pages[0].text == (
        "Replace <REPO> and <your name> now."
    )


def test_an_alert_keeps_its_word(read) -> None:
    assert read("> [!NOTE] Mind the gap.").pages[0].text == "Note: Mind the gap."
